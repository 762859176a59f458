using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Adi;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Arch.Tests;

/// <summary>The tag store by address against a recording of the kernel's own (adi_64.c): ranges, counts, buffers, and the bytes in them.</summary>
public class AdiTagStoreTests
{
    private const int Ranges = 256;

    [Fact]
    public void EveryRowOfTheRecording_IsReproduced()
    {
        using var machine = Machine<Sun4vM7<AdiLinux>, CheckedModel>.Create(new MachineImageOptions { RamBytes = 8 << 20 });
        TagStorage<CheckedModel> tags = machine.Context.Tags.Storage;
        uint space = machine.CreateAddressSpace();
        var saved = new Dictionary<ulong, byte[]>();
        var random = new Random(1);
        VectorFile.Check("sparc64_adi_tag_store_trace.csv", 270, row =>
        {
            ulong address = row.Hex("va");
            uint frame = (uint)(row.Hex("pa") >> 13);
            if (row["op"] == "save")
                Save(row, tags, space, address, frame, saved, random);
            else
                Restore<AdiLinux>(row, tags, space, address, frame, saved);
            CheckState<AdiLinux>(row, tags, space, address);
        });
    }

    private static void Save(
        VectorFile.Row row, TagStorage<CheckedModel> tags, uint space, ulong address, uint frame, Dictionary<ulong, byte[]> saved, Random random)
    {
        // A save that fails although ranges are free is one whose buffer could not be had: the recording made that allocation fail.
        if (row["rc"] == "-1" && row["descs_in_use"] != $"{Ranges}")
            tags.Faults.FailAllocation = 1;
        random.NextBytes(tags.OfFrame(frame));
        bool done = TrySave<AdiLinux>(tags, space, address, frame, out TagSaveToken token);
        row.Expect("rc", row["rc"], done ? "0" : "-1");
        if (!done)
            return;
        row.Expect("desc_index", row["desc_index"], $"{token.Place - 1}");
        saved[address] = tags.OfFrame(frame).ToArray();
    }

    private static void Restore<TTags>(
        VectorFile.Row row, TagStorage<CheckedModel> tags, uint space, ulong address, uint frame, Dictionary<ulong, byte[]> saved)
        where TTags : struct, IPageTagProvider
    {
        tags.OfFrame(frame).Clear();
        TTags.Restore(tags, space, address, Entry(frame), frame);
        bool was = saved.Remove(address, out byte[]? expected);
        row.Expect("tags restored", true, tags.OfFrame(frame).SequenceEqual(was ? expected : new byte[64]));
    }

    private static bool TrySave<TTags>(TagStorage<CheckedModel> tags, uint space, ulong address, uint frame, out TagSaveToken token)
        where TTags : struct, IPageTagProvider => TTags.Save(tags, space, address, Entry(frame), frame, out token);

    private static Pte Entry(uint frame) => SparcLeaf<Sun4vM7Bits>.MakeTagChecked(
        SparcLeaf<Sun4vM7Bits>.MakeLeaf(frame, SparcLeaf<Sun4vM7Bits>.ProtectionOf(AccessRights.Read | AccessRights.Write), 1));

    private static void CheckState<TTags>(VectorFile.Row row, TagStorage<CheckedModel> tags, uint space, ulong address)
        where TTags : struct, IPageTagProvider
    {
        var account = new Account(address);
        TTags.Account(tags, space, account);
        row.Expect("descs_in_use", row["descs_in_use"], $"{account.InUse}");
        row.Expect("live_allocs", row["live_allocs"], $"{tags.ByAddress!.InUse}");
        row.Expect("found", row["desc_index"] != "-1", account.Found);
        row.Expect("desc_start", row.Hex("desc_start"), account.First);
        row.Expect("desc_end", row.Hex("desc_end"), account.Last);
        row.Expect("tag_users", row["tag_users"], $"{account.Pages}");
        if (!account.Found)
            return;
        ulong offset = (address - account.First) / 128;
        row.Expect("tag_byte_offset", row["tag_byte_offset"], $"{offset}");
        bool empty = tags.ByAddress!.Buffer(account.Buffer).Slice((int)offset, 64).IndexOfAnyExcept((byte)0) < 0;
        row.Expect("bytes in the buffer", row["op"] == "restore", empty);
    }

    private sealed class Account(ulong page) : ITagAccount
    {
        internal int InUse { get; private set; }

        internal bool Found { get; private set; }

        internal ulong First { get; private set; }

        internal ulong Last { get; private set; }

        internal ulong Pages { get; private set; }

        internal uint Buffer { get; private set; }

        public void Range(uint space, ulong first, ulong last, ulong pages, uint buffer)
        {
            if (pages == 0)
                return;
            InUse++;
            if (page < first || page > last)
                return;
            (Found, First, Last, Pages, Buffer) = (true, first, last, pages, buffer);
        }
    }
}
