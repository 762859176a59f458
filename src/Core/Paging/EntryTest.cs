using System.Buffers.Binary;

namespace PageTableEmu.Paging;

/// <summary>
/// A question about an entry of one level as a mask: whether any bit of it is set. Found by asking the architecture about single bits, and
/// checked with patterns; what is more complicated is asked one by one.
/// </summary>
internal readonly struct EntryTest
{
    private EntryTest(ulong mask, bool isMask, bool swapped)
    {
        IsMask = isMask;
        InMemory = swapped ? BinaryPrimitives.ReverseEndianness(mask) : mask;
    }

    /// <summary>Whether the mask says it all.</summary>
    internal bool IsMask { get; }

    /// <summary>The mask as it applies to words that lie in a table, in the guest's byte order.</summary>
    internal ulong InMemory { get; }

    /// <summary>Whether an entry of a level is present.</summary>
    internal static EntryTest Present<TArch>(int level)
        where TArch : IArchitecture => Find<TArch>(entry => TArch.IsPresent(entry, level));

    /// <summary>Whether an entry of a level is anything but none.</summary>
    internal static EntryTest Something<TArch>(int level)
        where TArch : IArchitecture => Find<TArch>(entry => !TArch.IsNone(entry, level));

    /// <summary>Whether a present entry was accessed.</summary>
    internal static EntryTest Young<TArch>()
        where TArch : IArchitecture => Find<TArch>(TArch.IsYoung);

    private static EntryTest Find<TArch>(Func<Pte, bool> test)
        where TArch : IArchitecture
    {
        ulong mask = 0;
        for (int bit = 0; bit < 64; bit++)
            mask |= test(new Pte(1UL << bit)) ? 1UL << bit : 0;
        bool exact = !test(default);
        for (int bit = 0; bit < 64; bit++)
        {
            ulong one = 1UL << bit;
            foreach (ulong raw in new[] { ~one, mask ^ one, ~mask ^ one, 0x5555_5555_5555_5555UL << (bit & 1), mask, ~mask })
                exact &= test(new Pte(raw)) == ((raw & mask) != 0);
        }

        return new EntryTest(mask, exact, TArch.BigEndian == BitConverter.IsLittleEndian);
    }
}
