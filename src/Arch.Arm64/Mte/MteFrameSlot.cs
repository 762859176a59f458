using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Arch.Arm64.Mte;

/// <summary>
/// MTE's tags, which belong to frames and slots as in Linux itself (arch/arm64/mm/mteswap.c): kept when a folio is written to its slots,
/// restored when an entry is resolved, forgotten with the slot.
/// </summary>
/// <seealso cref="Arm64FourLevel{TTags}"/>
public readonly struct MteFrameSlot : ITagged<FrameSlotTags<MteFormat>>;
