namespace PageTableEmu.Replay.Traces;

/// <summary>The letters and two-letter words with which a trace prints flags; a flag's place in its enum is its place in the text.</summary>
public static class Letters
{
    private const string KindLetters = "PSMN";
    private const string CoreLetters = "ABCKTZEULW";
    private const string PagemapLetters = "xfwg";
    private static readonly string[] VmaWords = ["gu", "uw", "lo", "dc", "wf", "hg", "nh", "mg"];

    /// <summary>The letter of a kind.</summary>
    public static char Of(PageKind kind) => KindLetters[(int)kind];

    /// <summary>The letters of kpageflags.</summary>
    public static string Of(CoreFlags flags) => Spell((int)flags, CoreLetters);

    /// <summary>The letters of pagemap.</summary>
    public static string Of(PagemapFlags flags) => Spell((int)flags, PagemapLetters);

    /// <summary>The words of VMA flags, each with a blank in front.</summary>
    public static string Of(VmaFlags flags) =>
        string.Concat(VmaWords.Where((_, bit) => ((int)flags >> bit & 1) != 0).Select(word => " " + word));

    /// <summary>The letter of a region.</summary>
    public static char OfRegion(int region) => (char)('A' + region);

    internal static bool TryKind(ReadOnlySpan<char> text, out PageKind kind)
    {
        int index = text.Length == 1 ? KindLetters.IndexOf(text[0], StringComparison.Ordinal) : -1;
        kind = (PageKind)index;
        return index >= 0;
    }

    internal static bool TryCore(ReadOnlySpan<char> text, out CoreFlags flags)
    {
        bool ok = TryRead(text, CoreLetters, out int bits);
        flags = (CoreFlags)bits;
        return ok;
    }

    internal static bool TryPagemap(ReadOnlySpan<char> text, out PagemapFlags flags)
    {
        bool ok = TryRead(text, PagemapLetters, out int bits);
        flags = (PagemapFlags)bits;
        return ok;
    }

    /// <summary>The flag of a word, none for a word that is not compared.</summary>
    internal static VmaFlags VmaFlag(ReadOnlySpan<char> word)
    {
        for (int bit = 0; bit < VmaWords.Length; bit++)
        {
            if (word.SequenceEqual(VmaWords[bit]))
                return (VmaFlags)(1 << bit);
        }

        return VmaFlags.None;
    }

    private static string Spell(int bits, string letters)
    {
        Span<char> text = stackalloc char[16];
        int length = 0;
        for (int bit = 0; bit < letters.Length; bit++)
        {
            if ((bits >> bit & 1) != 0)
                text[length++] = letters[bit];
        }

        return length == 0 ? string.Empty : new string(text[..length]);
    }

    private static bool TryRead(ReadOnlySpan<char> text, string letters, out int bits)
    {
        bits = 0;
        foreach (char letter in text)
        {
            int bit = letters.IndexOf(letter, StringComparison.Ordinal);
            if (bit < 0 || (bits >> bit & 1) != 0)
                return false;
            bits |= 1 << bit;
        }

        return true;
    }
}
