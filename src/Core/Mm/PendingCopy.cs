using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>A copy-on-write that still has to be made, or a question to userfaultfd, after the table was unlocked.</summary>
/// <param name="Expected">The entry under which the copy was found necessary.</param>
/// <param name="Source">The frame to copy, with a reference taken; 0 for the zero page.</param>
/// <param name="AsksUserfaultfd">There is nothing to copy: userfaultfd has to end its write-protection first.</param>
public readonly record struct PendingCopy(Pte Expected, uint Source, bool AsksUserfaultfd = false);
