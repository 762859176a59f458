using PageTableEmu.Paging;
using PageTableEmu.Tags;

namespace PageTableEmu.Arch.Sparc.Adi;

/// <summary>ADI tags that belong to frames and slots (<see cref="FrameSlotTags{TFormat}"/>): nothing is lost, leaked or restored too late.</summary>
/// <seealso cref="Sun4vM7{TTags}"/>
public readonly struct AdiFrameSlot : ITagged<FrameSlotTags<AdiFormat>>;
