using FsCheck;
using FsCheck.Fluent;

namespace PageTableEmu.Core.Tests.Mm.Structures;

public sealed class VmaLockstepTests
{
    [Fact]
    public void RandomOperations_OnAmpleRecords_MatchTheRulesOverPlainLists() =>
        Prop.ForAll((int seed) =>
        {
            using var machine = new StructureMachine();
            var lockstep = new Lockstep(machine, seed);
            lockstep.Run(120);
            return lockstep.Refusals == 0;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void RandomOperations_OnScarceRecords_ChangeNothingWhenRefused()
    {
        int refusals = 0;
        Prop.ForAll((int seed) =>
        {
            using var machine = new StructureMachine(vmas: 12, anonVmas: 5, chains: 14);
            var lockstep = new Lockstep(machine, seed);
            lockstep.Run(150);
            refusals += lockstep.Refusals;
        }).QuickCheckThrowOnFailure();
        Assert.True(refusals > 100, $"Only {refusals} operations met an empty pool: the test no longer tests refusals.");
    }
}
