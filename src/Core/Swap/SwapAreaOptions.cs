namespace PageTableEmu.Swap;

/// <summary>What to make of a swap area at swapon.</summary>
/// <seealso cref="Machine{TArch}"/>
public sealed record SwapAreaOptions
{
    /// <summary>Slots, the header slot 0 included; at least 2.</summary>
    public required uint Slots { get; init; }

    /// <summary>Path of the swap file; null for an area in memory, whose content lies in the metadata image.</summary>
    public string? Path { get; init; }

    /// <summary>
    /// Whether writes complete inside the call and a sole user's swap-in bypasses the swap cache (SWP_SYNCHRONOUS_IO: zram, pmem). An area
    /// that is not synchronous keeps its folios in the swap cache after writing.
    /// </summary>
    public bool Synchronous { get; init; }

    /// <summary>Whether a folio under writeback must not be modified (SWP_STABLE_WRITES; zram has it).</summary>
    public bool StableWrites { get; init; }

    /// <summary>
    /// Whether neighbouring slots are cheaper than distant ones (no SWP_SOLIDSTATE): the area then has one allocation hint instead of one
    /// per processor.
    /// </summary>
    public bool Rotational { get; init; }

    /// <summary>
    /// Areas of higher priority fill first; areas of equal priority take turns. 0 to 32767, or null: below every area so far, as
    /// swapon(8) without -p.
    /// </summary>
    public int? Priority { get; init; }

    /// <summary>Unusable slots besides the header.</summary>
    public IReadOnlyList<uint> BadSlots { get; init; } = [];

    /// <summary>In-memory device with the semantics of zram: synchronous, stable writes.</summary>
    public static SwapAreaOptions Zram(uint slots) => new() { Slots = slots, Synchronous = true, StableWrites = true };

    /// <summary>A swap file with asynchronous writeback.</summary>
    public static SwapAreaOptions File(string path, uint slots) => new() { Slots = slots, Path = path };
}
