using PageTableEmu.Mm;

namespace PageTableEmu.Core.Tests.Mm.Structures;

/// <summary>A VMA of <see cref="NaiveMm"/>; addresses in pages.</summary>
internal sealed class NaiveVma
{
    public uint Mm { get; init; }

    public ulong Start { get; set; }

    public ulong End { get; set; }

    public ulong Offset { get; set; }

    public VmaFlags Flags { get; set; }

    public uint Shared { get; init; }

    public uint Uffd { get; set; }

    public NaiveAnon? Anon { get; set; }

    public List<NaiveAnon> Chain { get; set; } = [];

    public ulong Age { get; set; }
}
