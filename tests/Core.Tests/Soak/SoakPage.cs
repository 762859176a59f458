using System.Runtime.InteropServices;

namespace PageTableEmu.Core.Tests.Soak;

/// <summary>
/// What one page may contain: all zero, or its number and a value that only one store ever had. Whoever changes the content holds
/// <see cref="Gate"/>; readers need not: they look at the bounds before and after.
/// </summary>
/// <remarks>
/// MADV_FREE of a clean page that is in no swap cache asks nobody who shares it (madvise_free_pte_range looks at the number of mappings
/// only of pages that are dirty or cached). A direct swap-in leaves just such a page, and so does the copy for a pin that only reads or for an
/// unmerged page. So the advice of one relative may take a page from the others that has not been written since the fork, unless the model
/// spares it: <see cref="CountFreeForFamily"/>.
/// </remarks>
internal sealed class SoakPage(uint number, SoakPage.Kinship family)
{
    private long least = 1;
    private long most;
    private bool mayBeZero = true;
    private int zeroings;
    private int remappings;
    private int protections;
    private int side;
    private int familyFreesSeen;

    public SoakPage(uint number)
        : this(number, new Kinship())
    {
    }

    public Lock Gate { get; } = new();

    public uint Number { get; } = number;

    /// <summary>At which of its two addresses the page is.</summary>
    public int Side
    {
        get => Volatile.Read(ref side);
        set => Volatile.Write(ref side, value);
    }

    /// <summary>The content of a page after a store.</summary>
    public static void Fill(Span<byte> bytes, uint number, long value)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        words.Fill((ulong)value);
        words[0] = number;
    }

    /// <summary>The value that a page was filled with, 0 for zeros; null when it is no content that was ever stored there.</summary>
    public static long? Parse(ReadOnlySpan<byte> bytes, uint number)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        if (words[1..].IndexOfAnyExcept(words[1]) >= 0)
            return null;
        return words[0] == (words[1] == 0 ? 0 : number) ? (long)words[1] : null;
    }

    /// <summary>A copy of what is allowed now, for a forked child whose page is the same.</summary>
    public SoakPage Copy(Bounds before)
    {
        return new SoakPage(Number, family)
        {
            familyFreesSeen = before.FamilyFreesSeen,
            least = before.Least,
            most = Volatile.Read(ref most),
            mayBeZero = before.MayBeZero || before.Zeroings != Volatile.Read(ref zeroings),
            side = side,
        };
    }

    public long BeginStore(long value)
    {
        long before = most;
        Volatile.Write(ref most, value);
        return before;
    }

    public void EndStore(long value)
    {
        Volatile.Write(ref familyFreesSeen, family.Frees); // the page is this address space's alone now
        Volatile.Write(ref least, value);
        Volatile.Write(ref mayBeZero, false);
    }

    /// <summary>The store did not happen.</summary>
    public void CancelStore(long before) => Volatile.Write(ref most, before);

    /// <summary>Before the content may become zero: also when it does so later, as after MADV_FREE.</summary>
    public void BeginZeroing()
    {
        Volatile.Write(ref mayBeZero, true);
        Interlocked.Increment(ref zeroings);
    }

    /// <summary>Before an MADV_FREE that may also take the page from relatives that have not written it since the fork.</summary>
    public void CountFreeForFamily() => family.Count();

    /// <summary>After it has become zero for certain.</summary>
    public void EndZeroing() => Volatile.Write(ref least, Volatile.Read(ref most) + 1);

    /// <summary>Called before and after the page is out of reach.</summary>
    public void CountRemapping() => Interlocked.Increment(ref remappings);

    /// <summary>Called before and after the page is read-only.</summary>
    public void CountProtection() => Interlocked.Increment(ref protections);

    public Bounds Read()
    {
        // The counters first: a change that is not seen in them is seen in the bounds, or comes after and is seen in them then.
        int remapped = Volatile.Read(ref remappings);
        int zeroed = Volatile.Read(ref zeroings);
        int seen = Volatile.Read(ref familyFreesSeen);
        int changed = Volatile.Read(ref protections);
        return new Bounds(Volatile.Read(ref least), Volatile.Read(ref mayBeZero), zeroed, remapped, seen, changed);
    }

    /// <summary>Whether the page was always in reach since the bounds were read.</summary>
    public bool WasReachable(Bounds before) => (before.Remappings & 1) == 0 && before.Remappings == Volatile.Read(ref remappings);

    /// <summary>Whether the page was always in reach and writable since the bounds were read, so that a forked child has it so.</summary>
    public bool WasWritable(Bounds before) =>
        WasReachable(before) && (before.Protections & 1) == 0 && before.Protections == Volatile.Read(ref protections);

    /// <summary>Whether a value that was loaded after the bounds were read is right; null is no content at all.</summary>
    public bool Allows(Bounds before, long? loaded)
    {
        if (loaded == 0)
            return before.MayBeZero || before.Zeroings != Volatile.Read(ref zeroings) || before.FamilyFreesSeen != family.Frees;
        return loaded >= before.Least && loaded <= Volatile.Read(ref most);
    }

    /// <summary>What a reader with the gate held has seen stays so until the next change.</summary>
    public void Settle(long loaded)
    {
        if (loaded == 0)
        {
            EndZeroing();
            return;
        }

        Volatile.Write(ref least, loaded);
        Volatile.Write(ref most, loaded);
    }

    public override string ToString() =>
        $"page {Number}, side {side}: {least}..{most}{(mayBeZero ? " or zero" : "")}, {zeroings} zeroings, {remappings} remappings";

    internal readonly record struct Bounds(long Least, bool MayBeZero, int Zeroings, int Remappings, int FamilyFreesSeen, int Protections);

    /// <summary>A page of an address space and of all that were forked from it.</summary>
    internal sealed class Kinship
    {
        private int frees;

        public int Frees => Volatile.Read(ref frees);

        public void Count() => Interlocked.Increment(ref frees);
    }
}
