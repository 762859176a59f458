using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>What a registration with userfaultfd means for faults and marks (fs/userfaultfd.c, include/linux/userfaultfd_k.h).</summary>
/// <remarks>The caller holds the mmap_lock.</remarks>
internal static class UserfaultRules<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>The features of the context of a VMA's address space.</summary>
    internal static UserfaultFeatures FeaturesOf(MmContext<TArch, TModel> mm, uint vma) =>
        (UserfaultFeatures)mm.Spaces[mm.Vmas[vma].AddressSpace].UffdFeatures;

    /// <summary>Whether a store ends write-protection by itself (userfaultfd_wp_async).</summary>
    internal static bool IsAsynchronous(MmContext<TArch, TModel> mm, uint vma) =>
        mm.Vmas[vma].Uffd != 0 && (FeaturesOf(mm, vma) & UserfaultFeatures.WriteProtectAsync) != 0;

    /// <summary>
    /// Whether pages that are not there are write-protected by a marker (userfaultfd_wp_use_markers): always those of shared objects, of private
    /// memory when the context was opened for it.
    /// </summary>
    internal static bool UsesMarkers(MmContext<TArch, TModel> mm, uint vma)
    {
        if (!mm.IsWriteProtectWatched(vma))
            return false;
        const UserfaultFeatures Unpopulated = UserfaultFeatures.WriteProtectUnpopulated | UserfaultFeatures.WriteProtectAsync;
        return mm.Vmas[vma].SharedObject != 0 || (FeaturesOf(mm, vma) & Unpopulated) != 0;
    }

    /// <summary>The result of a fault that userfaultfd has to resolve (handle_userfault).</summary>
    internal static FaultResult Ask(MmContext<TArch, TModel> mm, uint vma, FaultResult kind) =>
        (FeaturesOf(mm, vma) & UserfaultFeatures.BusError) != 0 ? FaultResult.BusError : kind;

    /// <summary>The VMA flags of modes.</summary>
    internal static VmaFlags FlagsOf(UserfaultModes modes) =>
        ((modes & UserfaultModes.Missing) != 0 ? VmaFlags.UffdMissing : 0)
        | ((modes & UserfaultModes.WriteProtect) != 0 ? VmaFlags.UffdWriteProtect : 0)
        | ((modes & UserfaultModes.Minor) != 0 ? VmaFlags.UffdMinor : 0);
}
