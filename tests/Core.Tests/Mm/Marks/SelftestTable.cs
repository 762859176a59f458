using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>
/// Rows of one of the kernel's selftests (tools/testing/selftests/mm), by the names that it prints. A row that needs what this machine has not is
/// kept with the reason, and left out of what runs.
/// </summary>
internal sealed class SelftestTable<TArch>
    where TArch : struct, IArchitecture
{
    private readonly Dictionary<string, Action<MarksWorld<TArch>>> rows = [];
    private readonly Dictionary<string, string> leftOut = [];

    /// <summary>The rows that run.</summary>
    public IReadOnlyCollection<string> Names => rows.Keys;

    /// <summary>The rows that do not, each with the reason.</summary>
    public IReadOnlyDictionary<string, string> LeftOut => leftOut;

    public SelftestTable<TArch> Row(string name, Action<MarksWorld<TArch>> run)
    {
        rows.Add(name, run);
        return this;
    }

    public SelftestTable<TArch> Without(string name, string reason)
    {
        leftOut.Add(name, reason);
        return this;
    }

    /// <summary>Runs a row on a machine of its own, which is sound afterwards, and also when its process has ended.</summary>
    public void Run(string name)
    {
        using var world = new MarksWorld<TArch>();
        rows[name](world);
        world.Sound();
        world.Machine.Exit(world.Process);
        world.Sound();
    }
}
