using System.Buffers.Binary;
using PageTableEmu.Atomics;
using PageTableEmu.Conformance.Laws;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Conformance.Tags;

/// <summary>A storage with some frames and two swap areas, on which a law calls a provider directly.</summary>
internal sealed class TagBench<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const uint AreaSlots = 200;
    private readonly Machine<TArch, CheckedModel> machine;

    internal TagBench(Check check)
    {
        machine = SmallMachine<TArch>.Create();
        for (uint type = 0; type < 2; type++)
        {
            SwapResult result = machine.SwapOn(SwapAreaOptions.Zram(AreaSlots), out uint area);
            check.That(result == SwapResult.Ok && area == type, $"ends with {result}", default, $"switching swap area {type} on");
        }
    }

    internal TagStorage<CheckedModel> Storage => machine.Context.Tags.Storage;

    /// <summary>A slot of one of the two areas.</summary>
    internal static SwapEntry Slot(uint type, uint number) => new(type, number + 1);

    /// <summary>Metadata that differs from seed to seed in every word.</summary>
    internal static byte[] Pattern(int seed)
    {
        byte[] bytes = new byte[TArch.TagBytesPerPage];
        for (int i = 0; i < bytes.Length; i += 8)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i), 0x9E37_79B9_7F4A_7C15 * (ulong)(seed + 1 + (i * 1000)) | 1);
        return bytes;
    }

    /// <summary>A fresh frame with leftovers: metadata lies there and is not valid.</summary>
    internal uint Leftover(int seed)
    {
        uint frame = machine.Context.Folios.TryAllocate();
        Pattern(seed).CopyTo(Storage.OfFrame(frame));
        Storage.ClearValid(frame);
        return frame;
    }

    /// <summary>A frame with metadata of its own.</summary>
    internal uint Valid(int seed)
    {
        uint frame = Leftover(seed);
        Storage.SetValid(frame);
        return frame;
    }

    /// <summary>The law asks that a frame has valid metadata.</summary>
    internal void HasFrame(Check check, uint frame, ReadOnlySpan<byte> expected, string inputs)
    {
        check.That(Storage.IsValid(frame), "the frame's metadata is not valid", default, $"{inputs}");
        Same(check, expected, Storage.OfFrame(frame), "the frame has other metadata", inputs);
    }

    /// <summary>The law asks that a frame has none.</summary>
    internal void HasNone(Check check, uint frame, string inputs) =>
        check.That(!Storage.IsValid(frame), "the frame's metadata is valid", default, $"{inputs}");

    /// <summary>The law asks for what a slot keeps.</summary>
    internal void HasSlot(Check check, SwapEntry slot, ReadOnlySpan<byte> expected, string inputs)
    {
        ReadOnlySpan<byte> kept = Storage.OfSlot(slot);
        check.That(!kept.IsEmpty, $"slot {slot} keeps nothing", default, $"{inputs}");
        Same(check, expected, kept, "the slot keeps other metadata", inputs);
    }

    /// <summary>The law asks that a slot keeps nothing.</summary>
    internal void IsEmpty(Check check, SwapEntry slot, string inputs) =>
        check.That(Storage.OfSlot(slot).IsEmpty, $"slot {slot} keeps something", default, $"{inputs}");

    internal static void Same(Check check, ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string problem, string inputs)
    {
        check.Equal((ulong)expected.Length, (ulong)actual.Length, problem, $"{inputs}: bytes");
        for (int i = 0; i < expected.Length; i += 8)
        {
            check.Equal(
                BinaryPrimitives.ReadUInt64LittleEndian(expected[i..]), BinaryPrimitives.ReadUInt64LittleEndian(actual[i..]), problem,
                $"{inputs}: word {i / 8}");
        }
    }

    public void Dispose() => machine.Dispose();
}
