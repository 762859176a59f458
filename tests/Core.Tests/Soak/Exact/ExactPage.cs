using System.Runtime.InteropServices;

namespace PageTableEmu.Core.Tests.Soak.Exact;

/// <summary>
/// A page whose content is known exactly, or up to "or zero": whoever touches it holds its gate. It is filled with one value, which has no mark
/// of the page itself, so that equal pages are found and merged.
/// </summary>
internal sealed class ExactPage(SoakPage.Kinship family)
{
    private int freesSeen = family.Frees;

    public Lock Gate { get; } = new();

    /// <summary>What it is filled with, 0 for zeros.</summary>
    public long Value { get; private set; }

    /// <summary>Whether zeros are right too, because it was freed lazily.</summary>
    public bool MayBeZero { get; private set; }

    /// <summary>Whether it is a guard page: any access fails.</summary>
    public bool IsGuard { get; set; }

    /// <summary>Private views: whether it has a copy of its own; else the object's page shows.</summary>
    public bool IsOwn { get; set; }

    /// <summary>Grows when the page goes out of reach of those who pinned it.</summary>
    public int Generation { get; private set; }

    /// <summary>Writes a value all over a page.</summary>
    public static void Fill(Span<byte> bytes, long value) => MemoryMarshal.Cast<byte, long>(bytes).Fill(value);

    /// <summary>The value that a page is filled with; null when it is torn.</summary>
    public static long? Parse(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<long> words = MemoryMarshal.Cast<byte, long>(bytes);
        return words.IndexOfAnyExcept(words[0]) < 0 ? words[0] : null;
    }

    public void Store(long value)
    {
        Value = value;
        MayBeZero = false;
        freesSeen = family.Frees; // the page is this address space's alone now
    }

    /// <summary>It was dropped and reads as zero, or as the object's page.</summary>
    public void Drop()
    {
        Store(0);
        IsOwn = false;
        Generation++;
    }

    /// <summary>MADV_FREE; by Linux's rule relatives that have not written since may lose the page as well.</summary>
    public void Free(bool forFamily)
    {
        MayBeZero = true;
        if (forFamily)
            family.Count();
    }

    /// <summary>An operation that would have dropped it may have stopped half-way.</summary>
    public void MayHaveBeenDropped()
    {
        MayBeZero = true;
        Generation++;
    }

    public bool Allows(long? loaded) => loaded == Value || (loaded == 0 && (MayBeZero || freesSeen != family.Frees));

    /// <summary>The page of a child that was just forked.</summary>
    public ExactPage Forked() => new(family)
    {
        Value = Value,
        MayBeZero = MayBeZero || freesSeen != family.Frees,
        IsGuard = IsGuard,
        IsOwn = IsOwn,
        freesSeen = freesSeen,
    };

    public override string ToString() =>
        $"{Value}{(MayBeZero ? " or zero" : "")}{(IsGuard ? ", guard" : "")}{(IsOwn ? ", own" : "")}, {Generation} generations";
}
