namespace PageTableEmu.Paging;

/// <summary>Everything that a walk read: the entry of each level and where it lies in RAM.</summary>
public struct PageWalk
{
    private LevelWords entries;
    private LevelWords addresses;

    /// <summary>Why the walk found no leaf, or none.</summary>
    public FaultReason Fault { get; internal set; }

    /// <summary>Level of the last entry read: of the leaf, or of the entry that ended the walk; 0 when the address is not canonical.</summary>
    public int Level { get; internal set; }

    /// <summary>Physical address that the leaf maps; meaningless unless <see cref="Fault"/> is none.</summary>
    public ulong PhysicalAddress { get; internal set; }

    /// <summary>The last entry read.</summary>
    public readonly Pte Last => Level == 0 ? default : new Pte(entries[Level - 1]);

    /// <summary>The entry read at a level from the root's down to <see cref="Level"/>.</summary>
    public readonly Pte Entry(int level) => new(entries[Check(level) - 1]);

    /// <summary>Physical address of the entry read at a level.</summary>
    public readonly ulong EntryAddress(int level) => addresses[Check(level) - 1];

    internal void Record(int level, Pte entry, ulong address)
    {
        entries[level - 1] = entry.Raw;
        addresses[level - 1] = address;
        Level = level;
    }

    private readonly int Check(int level)
    {
        if (level < Math.Max(Level, 1) || level > LevelWords.MaxLevels)
            throw new ArgumentOutOfRangeException(nameof(level), level, $"The walk read levels from the root's down to {Level}.");
        return level;
    }
}
