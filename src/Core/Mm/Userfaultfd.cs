using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm.SharedMemory;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// userfaultfd(2): ranges of an address space whose faults somebody else resolves, and write-protection of their pages. An address space has at
/// most one context; it does not follow a fork or a move.
/// </summary>
/// <remarks>
/// <para>There are no hidden threads. A load or store that takes such a fault asks the <see cref="IUserfaultHandler"/> attached in this process and
/// is tried again when that says so; without one, or when it says no, the access ends in
/// <see cref="UserAccessResult.UserfaultPending"/> with the message, for the caller to resolve and to access again. A
/// <see cref="Queue"/> attached as the handler makes the thread wait for another one.</para>
/// <para>Write-protection in its asynchronous form (<see cref="UserfaultFeatures.WriteProtectAsync"/>) needs nobody: a store ends the protection
/// of its page by itself, and whoever asks sees which pages were written.</para>
/// </remarks>
/// <example>
/// <code>
/// machine.Userfaultfd.Open(process, UserfaultFeatures.None);
/// machine.Userfaultfd.Register(process, start, end, UserfaultModes.Missing);
/// if (machine.Read(process, start, one, ref faults, out UserfaultMessage message) == UserAccessResult.UserfaultPending)
///     machine.Userfaultfd.Copy(process, message.Address, page, UserfaultModes.None, out _);
/// </code>
/// </example>
public sealed class Userfaultfd<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private readonly MmContext<TArch, TModel> mm;
    private readonly ProtectionChanger<TArch, TModel> protection;
    private readonly UserfaultFill<TArch, TModel> fill;
    private readonly UserfaultMove<TArch, TModel> move;

    /// <summary>Makes the operations of a machine.</summary>
    public Userfaultfd(MmContext<TArch, TModel> mm, SharedSwapIn<TArch, TModel> shared)
    {
        this.mm = mm;
        protection = new ProtectionChanger<TArch, TModel>(mm);
        fill = new UserfaultFill<TArch, TModel>(mm, shared);
        move = new UserfaultMove<TArch, TModel>(mm);
        Queue = new UserfaultQueue<TArch, TModel>(mm);
    }

    /// <summary>Threads that wait for a userfaultfd. Attach it as a handler to let them.</summary>
    public UserfaultQueue<TArch, TModel> Queue { get; }

    /// <summary>Lets a handler of this process resolve an address space's userfaults inside the access; null: none.</summary>
    public void SetHandler(uint space, IUserfaultHandler? handler)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (handler is null)
            mm.Userfaults.Detach(space);
        else
            mm.Userfaults.Attach(space, handler);
    }

    /// <summary>Opens the context of an address space (userfaultfd(2) with UFFDIO_API).</summary>
    /// <returns>Ok; Busy when it has one; Invalid for features of write-protection where the architecture has no bit for it.</returns>
    public MmResult Open(uint space, UserfaultFeatures features)
    {
        mm.Spaces.ThrowIfNotLive(space);
        const UserfaultFeatures Protects = UserfaultFeatures.WriteProtectAsync | UserfaultFeatures.WriteProtectUnpopulated;
        if ((features & Protects) != 0 && !CanWriteProtect)
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        if (mm.Spaces[space].UffdContext != 0)
            return MmResult.Busy;
        mm.Spaces[space].UffdContext = space;
        mm.Spaces[space].UffdFeatures = (uint)features;
        return MmResult.Ok;
    }

    /// <summary>Closes the context: every range is unregistered, and who waits is woken.</summary>
    /// <returns>Ok; BadDescriptor without a context; NoMemory (some ranges are still registered).</returns>
    public MmResult Close(uint space)
    {
        mm.Spaces.ThrowIfNotLive(space);
        MmResult result;
        using (mm.Spaces.HoldWrite(space))
        {
            if (mm.Spaces[space].UffdContext == 0)
                return MmResult.BadDescriptor;
            result = UnregisterLocked(space, 0, TArch.UserSpaceEnd);
            if (result == MmResult.Ok)
                mm.Spaces[space].UffdContext = mm.Spaces[space].UffdFeatures = 0;
        }

        Queue.Wake(space, 0, ulong.MaxValue);
        mm.Userfaults.Detach(space);
        return result;
    }

    /// <summary>
    /// Registers the VMAs of [start, end) for asynchronous write-protection; the context is opened with the first call, if none is open.
    /// </summary>
    /// <inheritdoc cref="Register(uint, ulong, ulong, UserfaultModes)"/>
    public MmResult Register(uint space, ulong start, ulong end)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (!Mmap<TArch, TModel>.IsRange(start, unchecked(end - start)))
            return MmResult.Invalid;
        MmResult opened = Open(space, UserfaultFeatures.WriteProtectAsync);
        return opened is MmResult.Ok or MmResult.Busy ? Register(space, start, end, UserfaultModes.WriteProtect) : opened;
    }

    /// <summary>Registers the VMAs of [start, end) (UFFDIO_REGISTER). New modes take the place of those that a VMA had.</summary>
    /// <returns>
    /// Ok; BadDescriptor without a context; Invalid when nothing is mapped there, for no mode, for one that the architecture or a VMA does not
    /// have, or for an empty, unaligned or impossible range; NotPermitted when a VMA may never be written; NoMemory.
    /// </returns>
    public MmResult Register(uint space, ulong start, ulong end, UserfaultModes modes)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (!Mmap<TArch, TModel>.IsRange(start, unchecked(end - start)) || modes == UserfaultModes.None)
            return MmResult.Invalid;
        if ((modes & (UserfaultModes.WriteProtect | UserfaultModes.Minor)) != 0 && !CanWriteProtect)
            return MmResult.Invalid;
        using MmapHold<TModel> hold = mm.Spaces.HoldWrite(space);
        if (mm.Spaces[space].UffdContext == 0)
            return MmResult.BadDescriptor;
        MmResult result = CheckRegister(space, start, end, modes);
        return result == MmResult.Ok ? SetModes(space, start, end, modes) : result;
    }

    /// <summary>
    /// Ends the registration of [start, end) (UFFDIO_UNREGISTER): write-protection and its markers go, and who waits there is woken.
    /// </summary>
    /// <returns>Ok; BadDescriptor without a context; Invalid when nothing is mapped there or the range is none; NoMemory.</returns>
    public MmResult Unregister(uint space, ulong start, ulong end)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (!Mmap<TArch, TModel>.IsRange(start, unchecked(end - start)))
            return MmResult.Invalid;
        MmResult result;
        using (mm.Spaces.HoldWrite(space))
        {
            if (mm.Spaces[space].UffdContext == 0)
                return MmResult.BadDescriptor;
            uint vma = mm.Vmas.FindFirstEndingAbove(space, start);
            result = vma == 0 || mm.Vmas[vma].Start >= end ? MmResult.Invalid : UnregisterLocked(space, start, end);
        }

        Queue.Wake(space, start, end);
        return result;
    }

    /// <summary>Write-protects the pages of [start, end), or ends that and wakes who waits for it (UFFDIO_WRITEPROTECT).</summary>
    /// <returns>
    /// Ok; BadDescriptor without a context; Invalid for an empty, unaligned or impossible range; NoEntry when a VMA is not registered for it, or none
    /// is there (those before it are done); NoMemory.
    /// </returns>
    public MmResult WriteProtect(uint space, ulong start, ulong end, bool protect)
    {
        MmResult result = CheckCall(space, start, unchecked(end - start));
        if (result != MmResult.Ok)
            return result;
        using (mm.Spaces.HoldRead(space))
            result = WriteProtectLocked(space, start, end, protect);
        if (!protect && result == MmResult.Ok)
            Queue.Wake(space, start, end);
        return result;
    }

    /// <summary>Fills missing pages from a buffer (UFFDIO_COPY) and wakes who waits for them.</summary>
    /// <param name="space">The address space.</param>
    /// <param name="start">First byte of the first page.</param>
    /// <param name="content">Whole pages.</param>
    /// <param name="mode"><see cref="UserfaultModes.WriteProtect"/>: they come write-protected; else None.</param>
    /// <param name="done">Bytes filled.</param>
    /// <returns>
    /// Ok; Again when only a part was filled; else why the first page was not: BadDescriptor without a context, NoEntry when the range is not in one
    /// registered VMA, Exists when a page is there, Fault behind the end of an object, Invalid, NoMemory.
    /// </returns>
    public MmResult Copy(uint space, ulong start, ReadOnlySpan<byte> content, UserfaultModes mode, out ulong done)
    {
        bool protect = mode == UserfaultModes.WriteProtect;
        return Fill(space, start, (ulong)content.Length, UserfaultFillKind.Copy, content, protect, out done);
    }

    /// <summary>Fills missing pages with zeroes (UFFDIO_ZEROPAGE); private ones with the zero page.</summary>
    /// <returns>As <see cref="Copy"/>; a marker counts as a page here.</returns>
    public MmResult ZeroPage(uint space, ulong start, ulong length) =>
        Fill(space, start, length, UserfaultFillKind.Zero, default, protect: false, out _);

    /// <summary>Maps pages that the shared object has (UFFDIO_CONTINUE).</summary>
    /// <returns>As <see cref="Copy"/>; Fault when the object has no such page, Invalid for private memory.</returns>
    public MmResult Continue(uint space, ulong start, ulong length, UserfaultModes mode = UserfaultModes.None) =>
        Fill(space, start, length, UserfaultFillKind.Continue, default, mode == UserfaultModes.WriteProtect, out _);

    /// <summary>Makes every access to missing pages a bus error (UFFDIO_POISON), until they are unmapped.</summary>
    /// <returns>As <see cref="Copy"/>; a marker counts as a page here.</returns>
    public MmResult Poison(uint space, ulong start, ulong length) =>
        Fill(space, start, length, UserfaultFillKind.Poison, default, protect: false, out _);

    /// <summary>Moves private pages to where none are, in a registered VMA (UFFDIO_MOVE).</summary>
    /// <param name="space">The address space.</param>
    /// <param name="destination">First byte of the place they go to.</param>
    /// <param name="source">First byte of the place they are at.</param>
    /// <param name="length">Bytes, whole pages.</param>
    /// <param name="flags">How.</param>
    /// <param name="moved">Bytes moved.</param>
    /// <returns>
    /// Ok; Again when only a part was moved; else why the first page was not: BadDescriptor without a context, NoEntry (no VMA, or no page there),
    /// Exists (a page at the destination), Busy (the page is shared or pinned), Invalid (the VMAs do not allow it), Fault (an entry that
    /// remembers no page), NoMemory.
    /// </returns>
    public MmResult Move(uint space, ulong destination, ulong source, ulong length, UserfaultMoveFlags flags, out ulong moved)
    {
        moved = 0;
        MmResult result = CheckCall(space, destination, length);
        if (result == MmResult.Ok && !Mmap<TArch, TModel>.IsRange(source, length))
            result = MmResult.Invalid;
        if (result != MmResult.Ok)
            return result;
        result = move.Move(space, destination, source, length, (flags & UserfaultMoveFlags.AllowSourceHoles) != 0, out moved);
        if (moved != 0 && (flags & UserfaultMoveFlags.DontWake) == 0)
            Queue.Wake(space, destination, destination + moved);
        return result;
    }

    private static bool CanWriteProtect => TArch.HasUffdWp && TArch.HasSwapUffdWp;

    private MmResult CheckCall(uint space, ulong start, ulong length)
    {
        mm.Spaces.ThrowIfNotLive(space);
        if (mm.Spaces[space].UffdContext == 0)
            return MmResult.BadDescriptor;
        return Mmap<TArch, TModel>.IsRange(start, length) ? MmResult.Ok : MmResult.Invalid;
    }

    private MmResult Fill(
        uint space, ulong start, ulong length, UserfaultFillKind kind, ReadOnlySpan<byte> content, bool protect, out ulong done)
    {
        done = 0;
        MmResult result = CheckCall(space, start, length);
        if (result != MmResult.Ok)
            return result;
        result = fill.Fill(space, start, length, kind, content, protect, out done);
        if (done != 0)
            Queue.Wake(space, start, start + done);
        return result;
    }

    private MmResult WriteProtectLocked(uint space, ulong start, ulong end, bool protect)
    {
        MmResult result = MmResult.NoEntry;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, start); vma != 0 && mm.Vmas[vma].Start < end; vma = mm.Vmas.Next(vma))
        {
            if (!mm.IsWriteProtectWatched(vma))
                return MmResult.NoEntry;
            ulong from = Math.Max(start, mm.Vmas[vma].Start);
            ulong to = Math.Min(end, mm.Vmas[vma].End);
            if (!protection.TryChange(vma, from, to, protect ? UffdWpChange.Protect : UffdWpChange.Resolve))
                return MmResult.NoMemory;
            result = MmResult.Ok;
        }

        return result;
    }

    /// <summary>All VMAs are looked at before the first is changed.</summary>
    private MmResult CheckRegister(uint space, ulong start, ulong end, UserfaultModes modes)
    {
        MmResult result = MmResult.Invalid;
        for (uint vma = mm.Vmas.FindFirstEndingAbove(space, start); vma != 0 && mm.Vmas[vma].Start < end; vma = mm.Vmas.Next(vma))
        {
            if ((modes & UserfaultModes.Minor) != 0 && mm.Vmas[vma].SharedObject == 0)
                return MmResult.Invalid;
            if ((mm.Vmas.FlagsOf(vma) & VmaFlags.MayWrite) == 0)
                return MmResult.NotPermitted;
            result = MmResult.Ok;
        }

        return result;
    }

    private MmResult SetModes(uint space, ulong start, ulong end, UserfaultModes modes)
    {
        try
        {
            return SetModesOfVmas(space, start, end, modes);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult SetModesOfVmas(uint space, ulong start, ulong end, UserfaultModes modes)
    {
        uint context = mm.Spaces[space].UffdContext;
        VmaFlags wanted = UserfaultRules<TArch, TModel>.FlagsOf(modes);
        for (ulong position = start; position < end;)
        {
            uint vma = mm.Vmas.FindFirstEndingAbove(space, position);
            if (vma == 0 || mm.Vmas[vma].Start >= end)
                break;
            ulong from = Math.Max(position, mm.Vmas[vma].Start);
            ulong to = Math.Min(end, mm.Vmas[vma].End);
            VmaFlags old = mm.Vmas.FlagsOf(vma);
            bool isSet = mm.Vmas[vma].Uffd == context && (old & wanted) == wanted;
            if (!isSet && mm.Vmas.TryModify(vma, from, to, (old & ~Vmas<TModel>.UffdFlags) | wanted, context) == 0)
                return MmResult.NoMemory;
            position = to;
        }

        return MmResult.Ok;
    }

    private MmResult UnregisterLocked(uint space, ulong start, ulong end)
    {
        try
        {
            return UnregisterVmas(space, start, end);
        }
        catch (CorruptImageException)
        {
            LockRelief<TArch, TModel>.LetGo(mm);
            throw;
        }
    }

    private MmResult UnregisterVmas(uint space, ulong start, ulong end)
    {
        for (ulong position = start; position < end;)
        {
            uint vma = mm.Vmas.FindFirstEndingAbove(space, position);
            if (vma == 0 || mm.Vmas[vma].Start >= end)
                break;
            ulong from = Math.Max(position, mm.Vmas[vma].Start);
            ulong to = Math.Min(end, mm.Vmas[vma].End);
            position = to;
            if (mm.Vmas[vma].Uffd == 0)
                continue;

            // Marks are dissolved whatever the modes are now: an earlier registration may have left them (userfaultfd_clear_vma).
            protection.TryChange(vma, from, to, UffdWpChange.Resolve);
            VmaFlags flags = mm.Vmas.FlagsOf(vma) & ~Vmas<TModel>.UffdFlags;
            if (mm.Vmas.TryModify(vma, from, to, flags, 0) == 0)
                return MmResult.NoMemory;
        }

        return MmResult.Ok;
    }
}
