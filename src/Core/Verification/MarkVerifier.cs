using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Paging;

namespace PageTableEmu.Verification;

/// <summary>Checks marks of entries: soft-dirty, write-protection by userfaultfd, markers.</summary>
internal readonly struct MarkVerifier<TArch, TModel>(MmContext<TArch, TModel> mm, Findings findings)
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>A present entry of any level.</summary>
    internal void CheckPresent(Pte entry, ulong address, uint space, in Vma vma)
    {
        bool writable = TArch.IsWritable(entry);
        if (TArch.IsUffdWp(entry))
        {
            if (vma.Uffd == 0)
                findings.Add("MK1", $"The entry {entry} at {address:x} of address space {space} is write-protected in a VMA that nobody registered.");
            if (writable)
                findings.Add("MK2", $"The entry {entry} at {address:x} of address space {space} is write-protected and writable.");
        }

        // Who may be pinned keeps the permission when soft-dirty is cleared, and nobody remembers who was pinned then.
        bool pins = Atomic<TModel>.Load(ref mm.Spaces[space].HasPinned) != 0;
        if (writable && !pins && MmContext<TArch, TModel>.NeedsSoftDirtyFault(vma.Flags, entry))
            findings.Add("MK4", $"The entry {entry} at {address:x} of address space {space} is writable, but a store would not mark it as written.");
    }

    /// <summary>A non-present entry.</summary>
    internal void CheckSoftLeaf(in SoftLeaf soft, ulong address, uint space, in Vma vma)
    {
        bool marksStores = soft.IsUffdWp || (soft.Markers & PteMarkers.UffdWp) != 0;
        if (marksStores && vma.Uffd == 0)
            findings.Add("MK1", $"The entry at {address:x} of address space {space} is write-protected in a VMA that nobody registered.");
        if ((soft.Markers & PteMarkers.Guard) != 0 && (vma.Flags & VmaFlags.Guard) == 0)
            findings.Add("MK3", $"A guard marker at {address:x} of address space {space} lies in a VMA whose table a fork would not copy.");
    }
}
