namespace PageTableEmu.Arch.Sparc.Tsb;

/// <summary>
/// The size of a translation storage buffer: 8 KiB shifted left by a code of 0 to 7, which is the low end of the register that names it.
/// </summary>
/// <param name="Code">The code.</param>
/// <seealso cref="TranslationStorageBuffer{TModel}"/>
public readonly record struct TsbSize(int Code)
{
    /// <summary>The largest code: 1 MiB.</summary>
    public const int LargestCode = 7;

    /// <summary>Bytes of an entry: its tag and its TTE.</summary>
    public const int EntryBytes = 16;

    private const int SmallestBytes = 8192;

    /// <summary>Bytes; a buffer is aligned to them.</summary>
    public int Bytes => SmallestBytes << Code;

    /// <summary>Entries.</summary>
    public int Entries => Bytes / EntryBytes;

    /// <summary>
    /// Resident pages with which the buffer is still large enough: three quarters of its entries, and any number for the largest
    /// (tsb_size_to_rss_limit).
    /// </summary>
    public ulong ResidentLimit => Code == LargestCode ? ulong.MaxValue : (ulong)(Entries - (Entries / 4));

    /// <summary>The smallest size whose limit is above a number of resident pages (tsb_grow).</summary>
    public static TsbSize For(ulong residentPages)
    {
        var size = new TsbSize(0);
        while (size.ResidentLimit <= residentPages && size.Code < LargestCode)
            size = new TsbSize(size.Code + 1);
        return size;
    }
}
