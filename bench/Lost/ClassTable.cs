namespace PageTableEmu.Bench.Lost;

/// <summary>
/// A tree of objects with an object for each page, as a first draft of a simulator has it: a design that lost. It cannot be shared, has no entry
/// that hardware would know, and the collector walks it.
/// </summary>
internal sealed class ClassTable
{
    private readonly Node root = new();

    /// <summary>Maps a page, making the tables above it.</summary>
    internal bool TryMap(ulong address, ulong frame, bool writable)
    {
        Node node = root;
        for (int shift = 39; shift > 12; shift -= 9)
        {
            ref object? child = ref node.Entries[(int)(address >> shift) & 511];
            child ??= new Node();
            node = (Node)child;
        }

        ref object? entry = ref node.Entries[(int)(address >> 12) & 511];
        if (entry != null)
            return false;
        entry = new Page(frame, writable);
        return true;
    }

    /// <summary>The physical address; all ones when nothing is mapped.</summary>
    internal ulong Translate(ulong address)
    {
        Node node = root;
        for (int shift = 39; shift > 12; shift -= 9)
        {
            if (node.Entries[(int)(address >> shift) & 511] is not Node next)
                return ulong.MaxValue;
            node = next;
        }

        return node.Entries[(int)(address >> 12) & 511] is Page page ? (page.Frame << 12) | (address & 0xfff) : ulong.MaxValue;
    }

    /// <summary>Takes a page away; the tables stay.</summary>
    internal bool TryUnmap(ulong address)
    {
        Node node = root;
        for (int shift = 39; shift > 12; shift -= 9)
        {
            if (node.Entries[(int)(address >> shift) & 511] is not Node next)
                return false;
            node = next;
        }

        ref object? entry = ref node.Entries[(int)(address >> 12) & 511];
        bool mapped = entry != null;
        entry = null;
        return mapped;
    }

    internal void Clear() => Array.Clear(root.Entries);

    private sealed class Node
    {
        internal readonly object?[] Entries = new object?[512];
    }

    private sealed record Page(ulong Frame, bool Writable);
}
