using PageTableEmu.Atomics;
using PageTableEmu.Mm;
using PageTableEmu.Mm.Marks;
using PageTableEmu.Mm.Userfaults;
using PageTableEmu.Paging;

namespace PageTableEmu.Replay.Machines;

/// <summary>The operations about marks of pages that only machines of this library know: soft-dirty, and the resolving of userfaults.</summary>
internal sealed class MarkOperations<TArch>(Machine<TArch, CheckedModel> machine)
    where TArch : struct, IArchitecture
{
    /// <summary>First of the bits of a pagemap word that are no frame or slot.</summary>
    private const int FirstMark = 55;

    private Userfaultfd<TArch, CheckedModel> Userfaultfd => machine.Userfaultfd;

    /// <summary>Performs one operation; not supported when it is none of these.</summary>
    internal OperationOutcome Execute(in ScriptOperation operation, uint space, ulong start, ulong length, ulong target)
    {
        switch (operation.Kind)
        {
            case OperationKind.ClearRefs:
                return Outcome(machine.ClearRefs(space, ClearRefsKind.SoftDirty));
            case OperationKind.Pagemap:
                return OperationOutcome.Done(value: (long)(machine.PageMap.Look(space, start).PagemapWord >> FirstMark));
            case OperationKind.UffdMissing:
                return Outcome(Register(space, start, start + length));
            case OperationKind.UffdUnregister:
                return Outcome(Userfaultfd.Unregister(space, start, start + length));
            case OperationKind.UffdCopy:
                return Outcome(Copy(space, start, operation.Count, (byte)operation.Value));
            case OperationKind.UffdZero:
                return Outcome(Userfaultfd.ZeroPage(space, start, length));
            case OperationKind.UffdPoison:
                return Outcome(Userfaultfd.Poison(space, start, length));
            case OperationKind.UffdMove:
                return Outcome(Userfaultfd.Move(space, target, start, length, UserfaultMoveFlags.None, out _));
            default:
                return OperationOutcome.NotSupported;
        }
    }

    private static OperationOutcome Outcome(MmResult result) =>
        result == MmResult.Ok ? OperationOutcome.Done() : OperationOutcome.Failed((int)result);

    private MmResult Register(uint space, ulong start, ulong end)
    {
        MmResult opened = Userfaultfd.Open(space, UserfaultFeatures.WriteProtectUnpopulated);
        return opened is MmResult.Ok or MmResult.Busy
            ? Userfaultfd.Register(space, start, end, UserfaultModes.Missing | UserfaultModes.WriteProtect)
            : opened;
    }

    private MmResult Copy(uint space, ulong start, long count, byte value)
    {
        if (count is < 1 or > ScriptOperation.MaxRegionPages)
            return MmResult.Invalid;
        var content = new byte[count << TArch.PageShift];
        content.AsSpan().Fill(value);
        return Userfaultfd.Copy(space, start, content, UserfaultModes.None, out _);
    }
}
