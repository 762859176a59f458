using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tags;

/// <summary>Metadata of frames: copied, defined, compared.</summary>
internal static class TagFrameLaws<TArch>
    where TArch : struct, IArchitecture
{
    internal static IEnumerable<Law> All() =>
    [
        new("tags/copy", "a copy has the metadata of its source, whatever lay there, and the source keeps it", Copy),
        new("tags/copy-of-none", "a copy of a frame without metadata has none, whatever lay there, valid or not", CopyOfNone),
        new("tags/define", "a frame without metadata gets the same default whatever lay there", Define),
        new("tags/define-keeps", "defining metadata again, or that of a frame that has some, changes nothing", DefineKeeps),
        new("tags/identical", "frames with different metadata are not identical; who is identical to whom does not depend on the order", Identical),
        new("tags/allows", "a pointer is allowed by some metadata and refused by other, and what decides is no part of its address", Allows),
    ];

    private static void Copy(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        foreach (bool forUnchecked in (bool[])[false, true])
        {
            foreach (bool wasValid in (bool[])[false, true])
            {
                uint source = bench.Valid(1);
                uint target = wasValid ? bench.Valid(2) : bench.Leftover(2);
                for (int time = 1; time <= 2; time++)
                {
                    TArch.CopyFrame(bench.Storage, target, source, forUnchecked);
                    string inputs = $"a copy, time {time}, for a mapping that {(forUnchecked ? "does not check" : "checks")}";
                    bench.HasFrame(check, target, TagBench<TArch>.Pattern(1), $"{inputs}, target");
                    bench.HasFrame(check, source, TagBench<TArch>.Pattern(1), $"{inputs}, source");
                }
            }
        }
    }

    private static void CopyOfNone(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        foreach (bool forUnchecked in (bool[])[false, true])
        {
            foreach (bool wasValid in (bool[])[false, true])
            {
                uint source = bench.Leftover(1);
                uint target = wasValid ? bench.Valid(2) : bench.Leftover(2);
                TArch.CopyFrame(bench.Storage, target, source, forUnchecked);
                string inputs = $"a copy of a frame without metadata to one that has {(wasValid ? "some" : "leftovers")}";
                bench.HasNone(check, target, $"{inputs}, target");
                bench.HasNone(check, source, $"{inputs}, source");
                TArch.EnsureDefined(bench.Storage, target);
                bench.HasFrame(check, target, Default(bench), $"{inputs}, defined after it");
            }
        }
    }

    private static void Define(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint cleared = bench.Leftover(0);
        TArch.OnFrameCleared(bench.Storage, cleared);
        TArch.EnsureDefined(bench.Storage, cleared);
        byte[] first = bench.Storage.OfFrame(cleared).ToArray();
        bench.HasFrame(check, cleared, first, "a frame that was cleared");
        for (int seed = 1; seed < 8; seed++)
        {
            uint frame = bench.Leftover(seed);
            TArch.EnsureDefined(bench.Storage, frame);
            bench.HasFrame(check, frame, first, $"a frame with leftovers {seed}");
        }
    }

    private static void DefineKeeps(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint frame = bench.Leftover(1);
        TArch.EnsureDefined(bench.Storage, frame);
        TagBench<TArch>.Pattern(3).CopyTo(bench.Storage.OfFrame(frame));
        TArch.EnsureDefined(bench.Storage, frame);
        bench.HasFrame(check, frame, TagBench<TArch>.Pattern(3), "defined, changed, defined again");
        uint other = bench.Valid(4);
        TArch.EnsureDefined(bench.Storage, other);
        bench.HasFrame(check, other, TagBench<TArch>.Pattern(4), "a frame that has metadata");
    }

    private static void Identical(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        uint[] frames = [bench.Leftover(1), bench.Leftover(2), bench.Valid(1), bench.Valid(2), bench.Valid(1), Defined(bench)];
        for (int i = 0; i < frames.Length; i++)
        {
            for (int j = 0; j < frames.Length; j++)
            {
                bool identical = TArch.Identical(bench.Storage, frames[i], frames[j]);
                check.That(identical == TArch.Identical(bench.Storage, frames[j], frames[i]), "depends on the order", default, $"frames {i} and {j}");
                if (Has(bench, frames[i]) && Has(bench, frames[j])
                    && !bench.Storage.OfFrame(frames[i]).SequenceEqual(bench.Storage.OfFrame(frames[j])))
                    check.That(!identical, "says identical", default, $"frames {i} and {j}, whose metadata differs");
            }
        }

        check.That(TArch.Identical(bench.Storage, frames[0], frames[1]), "says different", default, $"two frames without metadata");
        check.That(!TArch.Identical(bench.Storage, frames[0], frames[2]), "says identical", default, $"one frame without metadata and one with");
    }

    /// <summary>Metadata is filled with one byte after the other, so that tags of up to eight bits meet each value.</summary>
    private static void Allows(Check check)
    {
        using var bench = new TagBench<TArch>(check);
        const ulong Page = 16;
        ulong address = Page << TArch.PageShift;
        uint frame = bench.Valid(1);
        bool allowed = false;
        bool refused = false;
        ulong deciding = 0;
        for (int fill = 0; fill <= byte.MaxValue; fill++)
        {
            bench.Storage.OfFrame(frame).Fill((byte)fill);
            bool plain = TArch.Allows(bench.Storage, frame, address, 0, 1);
            allowed |= plain;
            refused |= !plain;
            for (int bit = TArch.PageShift; bit < 64; bit++)
                deciding |= TArch.Allows(bench.Storage, frame, address ^ (1UL << bit), 0, 1) != plain ? 1UL << bit : 0;
        }

        check.That(allowed, "is refused whatever the metadata", default, $"address {address:x}");
        check.That(refused, "is allowed whatever the metadata", default, $"address {address:x}");
        check.That(deciding != 0, "decides about no access", default, $"each bit of the pointer {address:x}");
        for (int bit = 0; bit < 64; bit++)
        {
            if ((deciding >> bit & 1) != 0)
                check.Equal(address, TArch.Untag(address ^ (1UL << bit)), "is part of the address", $"bit {bit} of the pointer, which decides");
        }
    }

    private static bool Has(TagBench<TArch> bench, uint frame) => bench.Storage.IsValid(frame);

    private static uint Defined(TagBench<TArch> bench)
    {
        uint frame = bench.Leftover(9);
        TArch.EnsureDefined(bench.Storage, frame);
        return frame;
    }

    private static byte[] Default(TagBench<TArch> bench) => bench.Storage.OfFrame(Defined(bench)).ToArray();
}
