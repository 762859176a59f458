namespace PageTableEmu.Replay.Running;

/// <summary>
/// Numbers keys in the order in which they are first seen. A key keeps its number while it is seen in every observation; once it is missed
/// it is forgotten, and counts as new when it is seen again.
/// </summary>
internal sealed class IdentityTable
{
    private readonly Dictionary<ulong, Entry> entries = [];
    private readonly List<ulong> missed = [];
    private long last;

    /// <summary>Starts an observation: nothing is seen yet.</summary>
    public void Begin()
    {
        foreach (Entry entry in entries.Values)
            entry.IsSeen = false;
    }

    /// <summary>The number of a key, which counts as seen.</summary>
    public Entry See(ulong key)
    {
        if (!entries.TryGetValue(key, out Entry? entry))
            entries.Add(key, entry = new Entry(++last));
        entry.IsSeen = true;
        return entry;
    }

    /// <summary>Ends an observation: keys that were not seen are forgotten, but for those that <paramref name="hidden"/> holds.</summary>
    /// <param name="hidden">Keys known to be alive although they were not seen.</param>
    /// <param name="kept">Receives the numbers of the keys that were kept for that reason, ascending.</param>
    public void End(ReadOnlySpan<ulong> hidden, List<long> kept)
    {
        foreach (ulong key in hidden)
        {
            if (entries.TryGetValue(key, out Entry? entry) && !entry.IsSeen)
            {
                entry.IsSeen = true;
                kept.Add(entry.Number);
            }
        }

        kept.Sort();
        missed.Clear();
        foreach ((ulong key, Entry entry) in entries)
        {
            if (!entry.IsSeen)
                missed.Add(key);
        }

        foreach (ulong key in missed)
            entries.Remove(key);
    }

    /// <summary>What is known of a key.</summary>
    internal sealed class Entry(long number)
    {
        /// <summary>Its number, from 1.</summary>
        public long Number => number;

        /// <summary>It was seen in this observation.</summary>
        public bool IsSeen { get; set; }

        /// <summary>Of a slot: a page whose bytes were both zero when last present went there, so its content is zero.</summary>
        public bool IsZero { get; set; }
    }
}
