namespace PageTableEmu.Replay.Traces;

/// <summary>The permission texts that occur in traces, one object each.</summary>
internal static class Permissions
{
    private static readonly string[] Known = ["---p", "r--p", "-w-p", "rw-p", "---s", "r--s", "-w-s", "rw-s"];

    /// <summary>The text of a VMA.</summary>
    public static string Of(in VmaObservation vma) => Known[(int)vma.Protection + (vma.IsShared ? 4 : 0)];

    /// <summary>A text as a string, without allocation for the usual ones.</summary>
    public static string Intern(ReadOnlySpan<char> text)
    {
        foreach (string known in Known)
        {
            if (text.SequenceEqual(known))
                return known;
        }

        return text.ToString();
    }
}
