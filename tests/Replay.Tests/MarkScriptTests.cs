using PageTableEmu.Replay.Machines;
using PageTableEmu.Replay.Running;
using PageTableEmu.Replay.Scripts;
using PageTableEmu.Replay.Traces;

namespace PageTableEmu.Replay.Tests;

/// <summary>
/// Scripts of the operations that only machines of this library know; what each step answers, and that the machine is sound after it.
/// </summary>
public sealed class MarkScriptTests
{
    private const int Again = 11;
    private const int Exists = 17;
    private const int Bus = -7;

    // Bits of pagemap from bit 55 on.
    private const long SoftDirty = 1;
    private const long MappedOnce = 2;
    private const long UffdWp = 4;
    private const long Swapped = 128;
    private const long Present = 256;

    [Theory]
    [InlineData(Backend.Zram)]
    [InlineData(Backend.File)]
    public void Soft_dirty_shows_what_was_written_since_it_was_cleared(Backend backend) => Run(
        backend,
        ("map A 4", 0, 0, -1),
        ("write A 0 1", 0, 0, -1),
        ("write A 1 2", 0, 0, -1),
        ("pagemap A 3", 0, 0, SoftDirty),
        ("clearrefs", 0, 0, -1),
        ("pagemap A 0", 0, 0, Present | MappedOnce),
        ("poke A 0 3", 0, 0, -1),
        ("pageout A 0 2", 0, 0, -1),
        ("pagemap A 0", 0, 0, Swapped | SoftDirty),
        ("pagemap A 1", 0, 0, Swapped),
        ("mremap A 1 1 B 0", 0, 0, -1),
        ("pagemap B 0", 0, 0, Swapped | SoftDirty),
        ("clearrefs", 0, 0, -1),
        ("pagemap B 0", 0, 0, Swapped),
        ("fork 1", 0, 0, 0),
        ("@1 write B 0 9", 0, 0, -1),
        ("@1 pagemap B 0", 0, 0, Present | MappedOnce | SoftDirty),
        ("pagemap B 0", 0, 0, Swapped));

    [Theory]
    [InlineData(Backend.Zram)]
    [InlineData(Backend.File)]
    public void Userfaults_wait_until_they_are_resolved(Backend backend) => Run(
        backend,
        ("map A 4", 0, 0, -1),
        ("map B 8", 0, 0, -1),
        ("uffdcopy B 0 1 7", -1, 9, -1),
        ("uffdmissing B 0 8", 0, 0, -1),
        ("read B 0", -1, Again, -1),
        ("uffdcopy B 0 2 7", 0, 0, -1),
        ("read B 1", 0, 0, 7),
        ("uffdcopy B 0 1 8", -1, Exists, -1),
        ("uffdzero B 2 1", 0, 0, -1),
        ("read B 2", 0, 0, 0),
        ("uffdpoison B 3 1", 0, 0, -1),
        ("read B 3", Bus, 0, -1),
        ("write A 0 5", 0, 0, -1),
        ("write A 1 6", 0, 0, -1),
        ("pageout A 0 1", 0, 0, -1),
        ("uffdmove A 0 2 B 4", 0, 0, -1),
        ("read B 4", 0, 0, 5),
        ("read B 5", 0, 0, 6),
        ("read A 0", 0, 0, 0),
        ("uffdwp B 5 1", 0, 0, -1),
        ("pagemap B 5", 0, 0, Present | MappedOnce | UffdWp | SoftDirty),
        ("poke B 5 1", -1, Again, -1),
        ("uffdunwp B 5 1", 0, 0, -1),
        ("poke B 5 1", 0, 0, -1),
        ("uffdunregister B 0 8", 0, 0, -1),
        ("read B 7", 0, 0, 0));

    [Fact]
    public void Only_these_operations_are_the_emulators_own()
    {
        string[] own = [.. Enum.GetValues<OperationKind>().Where(IsOwn).Select(ScriptParser.NameOf)];
        Assert.Equal(
            ["orders", "migrate", "clearrefs", "pagemap", "uffdmissing", "uffdunregister", "uffdcopy", "uffdzero", "uffdpoison", "uffdmove"], own);

        static bool IsOwn(OperationKind kind) => new ScriptOperation { Number = 1, Text = string.Empty, Kind = kind }.IsEmulatorOnly;
    }

    private static void Run(Backend backend, params (string Line, long Result, int Error, long Value)[] steps)
    {
        using IReplayMachine machine = new ReplayMachines().Create(backend);
        var session = new ReplaySession(machine);
        var row = new TraceRow();
        int number = 0;
        foreach ((string line, long result, int error, long value) in steps)
        {
            Assert.True(ScriptParser.TryParseLine(line, ++number, number, out ScriptOperation operation));
            Assert.True(session.Run(operation, row), line);
            Assert.Equal((line, result, error, value), (line, row.Outcome.Result, row.Outcome.Error, row.Outcome.Value));
            Assert.Empty(machine.Verify());
        }
    }
}
