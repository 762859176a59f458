using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Marks;

/// <summary>
/// Rows of one of the kernel's selftests (tools/testing/selftests/mm), by the names that it prints. A row that needs what this machine has not is
/// kept with the reason, and counts as skipped.
/// </summary>
internal sealed class SelftestTable<TArch>
    where TArch : struct, IArchitecture
{
    private readonly Dictionary<string, (Action<MarksWorld<TArch>>? Run, string Reason)> rows = [];

    public IEnumerable<string> Names => rows.Keys;

    public int Skipped => rows.Values.Count(row => row.Run is null);

    public SelftestTable<TArch> Row(string name, Action<MarksWorld<TArch>> run)
    {
        rows.Add(name, (run, string.Empty));
        return this;
    }

    public SelftestTable<TArch> Skip(string name, string reason)
    {
        rows.Add(name, (null, reason));
        return this;
    }

    /// <summary>Runs a row on a machine of its own, which is sound afterwards, and also when its process has ended.</summary>
    public void Run(string name)
    {
        (Action<MarksWorld<TArch>>? run, string reason) = rows[name];
        if (run is null)
            Assert.Skip(reason);
        using var world = new MarksWorld<TArch>();
        run(world);
        world.Sound();
        world.Machine.Exit(world.Process);
        world.Sound();
    }
}
