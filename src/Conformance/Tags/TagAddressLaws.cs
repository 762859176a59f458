using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tags;

/// <summary>What a provider keeps by address, if it does: it must balance.</summary>
internal static class TagAddressLaws<TArch>
    where TArch : struct, IArchitecture
{
    private const uint Space = 1;
    private const ulong Address = 1UL << 32;

    internal static IEnumerable<Law> All() =>
    [
        new("tags/save-undo", "a save that is taken back leaves the account as it was, and the frame as it is", SaveUndo),
        new("tags/save-fails", "a save that finds no room says so and leaves the account as it was", SaveFails),
        new("tags/space-exit", "nothing is kept for an address space that has ended", SpaceExit),
    ];

    private static Pte Checking => TArch.MakeLeaf(1, TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.TagChecked), 1);

    private static void SaveUndo(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Valid(1);
        for (ulong page = 0; page < 5; page++)
        {
            ulong before = Total(bench);
            ulong address = Address + (page << TArch.PageShift);
            bool saved = TArch.Save(bench.Storage, Space, address, Checking, frame, out TagSaveToken token);
            check.That(saved, "finds no room", Checking, $"saving page {page}");
            if (!TArch.KeepsTagsByAddress)
                check.Equal(before, Total(bench), "a provider of frames and slots keeps something by address", $"saving page {page}");
            TArch.Undo(bench.Storage, token);
            check.Equal(before, Total(bench), "the account does not balance", $"saving page {page} and taking it back");
            bench.HasFrame(check, frame, TagBench<TArch>.Pattern(1), $"saving page {page} and taking it back");
            TArch.Save(bench.Storage, Space, address, Checking, frame, out _); // and this one stays
        }
    }

    private static void SaveFails(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Valid(1);
        for (int n = 1; n <= 3; n++)
        {
            ulong before = Total(bench);
            bench.Storage.Faults.FailAllocation = n;
            bool saved = TArch.Save(bench.Storage, Space, Address, Checking, frame, out TagSaveToken token);
            bool struck = bench.Storage.Faults.FailAllocation == 0;
            bench.Storage.Faults.FailAllocation = 0;
            check.That(saved != struck, saved ? "says it did" : "says it did not", Checking, $"saving while allocation {n} fails");
            if (saved)
                TArch.Undo(bench.Storage, token);
            check.Equal(before, Total(bench), "the account does not balance", $"saving while allocation {n} fails");
        }
    }

    private static void SpaceExit(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Valid(1);
        for (ulong page = 0; page < 5; page++)
            TArch.Save(bench.Storage, Space, Address + (page << TArch.PageShift), Checking, frame, out _);
        TArch.OnSpaceExit(bench.Storage, Space);
        check.Equal(0, Total(bench), "something is kept", $"the end of the address space");
    }

    private static ulong Total(TagBench<TArch> bench)
    {
        var account = new Pages();
        TArch.Account(bench.Storage, Space, account);
        return account.Total;
    }

    private sealed class Pages : ITagAccount
    {
        internal ulong Total { get; private set; }

        public void Range(uint space, ulong first, ulong last, ulong pages, uint buffer) => Total += pages;
    }
}
