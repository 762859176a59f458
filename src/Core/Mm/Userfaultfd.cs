using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// Userfaultfd write-protection in its asynchronous form (UFFD_FEATURE_WP_ASYNC): a store to a write-protected page ends the protection by
/// itself, and whoever asks sees which pages were written.
/// </summary>
public sealed class Userfaultfd<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly ProtectionChanger<TArch, TModel> protection;

    /// <summary>Makes the operation of a machine.</summary>
    public Userfaultfd(MmContext<TArch, TModel> mm)
    {
        this.mm = mm;
        protection = new ProtectionChanger<TArch, TModel>(mm);
    }

    /// <summary>Registers the VMAs of [start, end) (UFFDIO_REGISTER with MODE_WP); the address space gets its context with the first call.</summary>
    /// <returns>Ok; Invalid when nothing is mapped there, or for an empty, unaligned or impossible range; NoMemory.</returns>
    public MmResult Register(uint space, ulong start, ulong end)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (!Mmap<TArch, TModel>.IsRange(start, unchecked(end - start)))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        if (mm.Spaces[space].UffdContext == 0)
            mm.Spaces[space].UffdContext = space;
        return RegisterLocked(space, start, end);
    }

    /// <summary>Write-protects the pages of [start, end), or ends that (UFFDIO_WRITEPROTECT).</summary>
    /// <returns>
    /// Ok; BadDescriptor without a context; Invalid for an empty, unaligned or impossible range; NoEntry when a VMA is not registered, or none is
    /// there (those before it are done); NoMemory.
    /// </returns>
    public MmResult WriteProtect(uint space, ulong start, ulong end, bool protect)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (mm.Spaces[space].UffdContext == 0)
            return MmResult.BadDescriptor;
        if (!Mmap<TArch, TModel>.IsRange(start, unchecked(end - start)))
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldRead(space);
        MmResult result = MmResult.NoEntry;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, start); vma != 0 && mm.Vmas[vma].Start < end; vma = mm.Vmas.Next(vma))
        {
            if (mm.Vmas[vma].Uffd == 0)
            {
                result = MmResult.NoEntry;
                break;
            }

            ulong from = Math.Max(start, mm.Vmas[vma].Start);
            ulong to = Math.Min(end, mm.Vmas[vma].End);
            bool done = protection.TryChange(vma, from, to, protect ? UffdWpChange.Protect : UffdWpChange.Resolve);
            result = done ? MmResult.Ok : MmResult.NoMemory;
            if (!done)
                break;
        }

        return result;
    }

    private MmResult RegisterLocked(uint space, ulong start, ulong end)
    {
        uint vma = mm.Vmas.FindFirstEndingAbove(space, start);
        if (vma == 0 || mm.Vmas[vma].Start >= end)
            return MmResult.Invalid;
        uint context = mm.Spaces[space].UffdContext;
        for (ulong position = start; position < end;)
        {
            vma = mm.Vmas.FindFirstEndingAbove(space, position);
            if (vma == 0 || mm.Vmas[vma].Start >= end)
                break;
            ulong from = Math.Max(position, mm.Vmas[vma].Start);
            ulong to = Math.Min(end, mm.Vmas[vma].End);
            VmaFlags flags = mm.Vmas.FlagsOf(vma) | VmaFlags.UffdWriteProtect;
            if (mm.Vmas[vma].Uffd != context && mm.Vmas.TryModify(vma, from, to, flags, context) == 0)
                return MmResult.NoMemory;
            position = to;
        }

        return MmResult.Ok;
    }
}
