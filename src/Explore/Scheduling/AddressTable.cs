using System.Numerics;

namespace PageTableEmu.Explore.Scheduling;

/// <summary>
/// All shared words that an exploration has met, who touches them, and the partial order of the accesses of the current execution.
/// </summary>
/// <remarks>
/// Page contents are one word for each page; they conflict with every word inside. A <i>point</i> is an access of an actor to a word that
/// another actor touches too, one of them writing: only there a decision is of use. Points are frozen while a search runs, because its
/// decisions must come at the same places whenever the same prefix is run again; what was learnt since counts in the next round.
/// </remarks>
internal sealed class AddressTable
{
    private readonly ExploredMemory memory;
    private readonly PageState[] pages;
    private readonly Dictionary<(ulong Offset, bool IsBytes), CheckpointWord> before = [];
    private int[] buckets = new int[1024];
    private WordState[] words = new WordState[512];
    private int count = 1; // 0 stands for none
    private uint epoch = 1;

    internal AddressTable(ExploredMemory memory)
    {
        this.memory = memory;
        pages = new PageState[memory.PageCount];
    }

    internal int Count => count - 1;

    /// <summary>Number of a word.</summary>
    internal int Word(nuint address) => Find(address << 1);

    /// <summary>Number of the contents that lie at an address; 0 for memory that is private to an actor.</summary>
    internal int Bytes(nuint address)
    {
        if (address == 0 || !memory.Contains(address))
            return 0;
        int page = memory.PageOf(address);
        return Find(((page < 0 ? address : (nuint)page) << 1) | 1);
    }

    /// <summary>Whether a decision is of use before this step of an actor.</summary>
    internal bool IsPoint(int actor, in Touch touch)
    {
        uint bit = 1u << actor;
        return ((words[touch.First].ReadPoints | words[touch.Second].ReadPoints | words[touch.Written].WritePoints) & bit) != 0;
    }

    /// <summary>Whether the order of two steps matters.</summary>
    internal bool Conflict(in Touch one, in Touch two) =>
        Meets(one.Written, two.First) || Meets(one.Written, two.Second) || Meets(one.Written, two.Written)
        || Meets(two.Written, one.First) || Meets(two.Written, one.Second);

    /// <summary>Learns who touches what, and returns a number for the step that is equal whenever the step depends on equal steps.</summary>
    internal ulong Record(int actor, in Touch touch, ulong before)
    {
        ulong hash = before;
        if (touch.First != 0)
            hash = Read(actor, touch.First, hash);
        if (touch.Second != 0)
            hash = Read(actor, touch.Second, hash);
        return touch.Written != 0 ? Write(actor, touch.Written, hash) : hash;
    }

    /// <summary>
    /// Learns that an actor stores to a word, and returns a number for the step; the store is recorded when it leaves the actor's buffer.
    /// </summary>
    internal ulong Issue(int actor, int word, ulong before)
    {
        words[word].Writers |= 1u << actor;
        return Mix(before, (ulong)word + 0x2_0000_0000);
    }

    /// <summary>Forgets the accesses of the last execution, not who made them.</summary>
    internal void BeginExecution() => epoch++;

    /// <summary>Makes points of what was learnt; whether that changed any.</summary>
    internal bool Freeze()
    {
        var inPages = new (uint Readers, uint Writers, uint BytesReaders, uint BytesWriters)[pages.Length];
        for (int index = 1; index < count; index++)
            Gather(in words[index], inPages);
        bool changed = false;
        for (int index = 1; index < count; index++)
        {
            ref WordState word = ref words[index];
            uint readers = word.Readers;
            uint writers = word.Writers;
            if (word.Page >= 0)
            {
                readers |= word.IsBytes ? inPages[word.Page].Readers : inPages[word.Page].BytesReaders;
                writers |= word.IsBytes ? inPages[word.Page].Writers : inPages[word.Page].BytesWriters;
            }

            uint reads = OtherThan(word.Readers, writers);
            uint writes = OtherThan(word.Writers, readers | writers);
            changed |= (reads & ~word.ReadPoints) != 0 || (writes & ~word.WritePoints) != 0;
            word.ReadPoints |= reads;
            word.WritePoints |= writes;
        }

        return changed;
    }

    internal IReadOnlyList<CheckpointWord> Save()
    {
        List<CheckpointWord> saved = [];
        for (int index = 1; index < count; index++)
        {
            ref WordState word = ref words[index];
            saved.Add(new CheckpointWord(Offset(word), word.IsBytes, word.Readers, word.Writers, word.ReadPoints, word.WritePoints));
        }

        return saved;
    }

    /// <summary>Takes over what another process knew of words, for when they are met.</summary>
    internal void Load(IReadOnlyList<CheckpointWord> saved)
    {
        foreach (CheckpointWord word in saved)
            before[(word.Offset, word.IsBytes)] = word;
    }

    /// <summary>The actors of a set that are not the only one of another set.</summary>
    private static uint OtherThan(uint actors, uint others) =>
        BitOperations.PopCount(others) > 1 ? actors : actors & ~others & (others != 0 ? uint.MaxValue : 0);

    private static ulong Mix(ulong hash, ulong value)
    {
        hash = ((hash + 0x9E37_79B9_7F4A_7C15) ^ (value * 0xBF58_476D_1CE4_E5B9)) * 0x94D0_49BB_1331_11EB;
        return hash ^ (hash >> 31);
    }

    private static void Gather(in WordState word, (uint Readers, uint Writers, uint BytesReaders, uint BytesWriters)[] inPages)
    {
        if (word.Page < 0)
            return;
        ref (uint Readers, uint Writers, uint BytesReaders, uint BytesWriters) page = ref inPages[word.Page];
        page.Readers |= word.Readers; // contents conflict with contents too, so they are among the words
        page.Writers |= word.Writers;
        if (!word.IsBytes)
            return;
        page.BytesReaders |= word.Readers;
        page.BytesWriters |= word.Writers;
    }

    private bool Meets(int one, int two)
    {
        if (one == 0 || two == 0)
            return false;
        if (one == two)
            return true;
        int page = words[one].Page;
        return page >= 0 && page == words[two].Page && (words[one].IsBytes || words[two].IsBytes);
    }

    private ulong Read(int actor, int index, ulong hash)
    {
        ref WordState word = ref Current(index);
        word.Readers |= 1u << actor;
        hash = Mix(Mix(hash, (ulong)index), word.Version);
        if (word.Page >= 0)
        {
            ref PageState page = ref CurrentPage(word.Page);
            hash = Mix(hash, word.IsBytes ? page.WordWrites : page.BytesVersion);
            if (word.IsBytes)
                page.BytesReads += hash;
            else
                page.WordReads += hash;
        }

        word.Reads += hash;
        return hash;
    }

    private ulong Write(int actor, int index, ulong hash)
    {
        ref WordState word = ref Current(index);
        word.Writers |= 1u << actor;
        hash = Mix(Mix(Mix(hash, (ulong)index + 0x1_0000_0000), word.Version), word.Reads);
        if (word.Page >= 0)
        {
            memory.NoteWrite(word.Page);
            ref PageState page = ref CurrentPage(word.Page);
            hash = word.IsBytes ? Mix(Mix(hash, page.WordWrites), page.WordReads) : Mix(Mix(hash, page.BytesVersion), page.BytesReads);
            if (word.IsBytes)
                page.BytesVersion = hash;
            else
                page.WordWrites += hash;
        }

        word.Version = hash;
        word.Reads = 0;
        return hash;
    }

    private ref WordState Current(int index)
    {
        ref WordState word = ref words[index];
        if (word.Epoch != epoch)
        {
            word.Epoch = epoch;
            word.Version = 0;
            word.Reads = 0;
        }

        return ref word;
    }

    private ref PageState CurrentPage(int index)
    {
        ref PageState page = ref pages[index];
        if (page.Epoch != epoch)
            page = new PageState { Epoch = epoch };
        return ref page;
    }

    private int Find(nuint key)
    {
        uint mask = (uint)buckets.Length - 1;
        uint bucket = (uint)((key * 0x9E37_79B1_85EB_CA87) >> 40) & mask;
        while (true)
        {
            int index = buckets[bucket];
            if (index == 0)
                return Add(key, bucket);
            if (words[index].Key == key)
                return index;
            bucket = (bucket + 1) & mask;
        }
    }

    private int Add(nuint key, uint bucket)
    {
        bool bytes = (key & 1) != 0;
        nuint place = key >> 1;
        int page = bytes ? (place < (nuint)pages.Length ? (int)place : -1) : memory.PageOf(place);
        words[count] = new WordState { Key = key, Page = page, IsBytes = bytes };
        if (before.Count != 0 && before.TryGetValue((Offset(words[count]), bytes), out CheckpointWord? from))
        {
            ref WordState word = ref words[count];
            (word.Readers, word.Writers, word.ReadPoints, word.WritePoints) = (from.Readers, from.Writers, from.ReadPoints, from.WritePoints);
        }

        buckets[bucket] = count++;
        int added = count - 1;
        if (count == words.Length)
            Array.Resize(ref words, words.Length * 2);
        if (count * 2 > buckets.Length)
            Grow();
        return added;
    }

    private ulong Offset(in WordState word) =>
        word.IsBytes && word.Page >= 0 ? (ulong)word.Page : memory.OffsetOf(word.Key >> 1);

    private void Grow()
    {
        buckets = new int[buckets.Length * 2];
        uint mask = (uint)buckets.Length - 1;
        for (int index = 1; index < count; index++)
        {
            uint bucket = (uint)((words[index].Key * 0x9E37_79B1_85EB_CA87) >> 40) & mask;
            while (buckets[bucket] != 0)
                bucket = (bucket + 1) & mask;
            buckets[bucket] = index;
        }
    }

    private struct WordState
    {
        public nuint Key; // the address, or the page of contents; in the lowest bit whether it is contents
        public int Page;
        public bool IsBytes;
        public uint Epoch; // execution that version and reads are of
        public uint Readers;
        public uint Writers;
        public uint ReadPoints;
        public uint WritePoints;
        public ulong Version; // stands for the last write and all that led to it
        public ulong Reads; // sum of the reads since
    }

    private struct PageState
    {
        public uint Epoch;
        public ulong BytesVersion;
        public ulong BytesReads;
        public ulong WordWrites;
        public ulong WordReads;
    }
}
