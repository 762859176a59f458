using PageTableEmu.Arch.X64;
using PageTableEmu.Paging;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// Makes machines of any architecture for the same scripts: as many pages of RAM and of swap as the recorded machine had, whatever their
/// size. What such a machine shows is scaled to the recorded page size (<see cref="MachineObserver{TArch}"/>).
/// </summary>
/// <typeparam name="TArch">The architecture.</typeparam>
/// <example>
/// <code>
/// using PageTableEmu.Replay;
///
/// var machines = new ReplayMachines&lt;Arm64FourLevel&gt;();
/// using IReplayMachine emulated = machines.Create(Backend.Zram);
/// </code>
/// </example>
public sealed class ReplayMachines<TArch> : IReplayMachineFactory
    where TArch : struct, IArchitecture
{
    /// <inheritdoc/>
    public IReplayMachine Create(Backend backend) => new ReplayMachine<TArch>(backend);

    /// <inheritdoc/>
    public bool MinorFaultsAreComparable
    {
        get
        {
            Pte old = TArch.MakeOld(TArch.MakeLeaf(0, TArch.ProtectionOf(AccessRights.Read), 1));
            return TArch.TryAccess(old, AccessKind.Read, 1, out _);
        }
    }

    /// <inheritdoc/>
    public string? Lacks(IReadOnlyList<ScriptOperation> script)
    {
        ArgumentNullException.ThrowIfNull(script);
        foreach (ScriptOperation operation in script)
        {
            if (!TArch.HasUffdWp && operation.Kind is (OperationKind.Uffd or OperationKind.UffdWp or OperationKind.UffdUnwp))
                return $"{TArch.Name} has no userfaultfd write-protection";
            if (PagesOfHuge != RecordedPagesOfHuge && operation.Kind is (OperationKind.MapHuge or OperationKind.Huge or OperationKind.Collapse))
                return $"a huge page of {TArch.Name} has {PagesOfHuge} pages, those that the script is written for have {RecordedPagesOfHuge}";
        }

        return ReclaimsEmptyTables<X64FourLevel>() != TArch.ReclaimsEmptyTables && script.Any(operation => EmptiesATable(operation, script))
            ? $"{TArch.Name} keeps a table that MADV_DONTNEED has emptied, so that no huge page comes in its place"
            : null;
    }

    /// <summary>MADV_DONTNEED of all that a table covers, where huge pages are wanted.</summary>
    private static bool EmptiesATable(ScriptOperation operation, IReadOnlyList<ScriptOperation> script)
    {
        long first = (operation.Page + PagesOfHuge - 1) / PagesOfHuge * PagesOfHuge;
        return operation.Kind == OperationKind.DontNeed && first + PagesOfHuge <= operation.Page + operation.Count
            && script.Any(other => other.Region == operation.Region && other.Kind is (OperationKind.MapHuge or OperationKind.Huge));
    }

    private static bool ReclaimsEmptyTables<TRecorded>()
        where TRecorded : struct, IArchitecture => TRecorded.ReclaimsEmptyTables;

    private static int PagesOfHuge => 1 << (TArch.HugePageShift - TArch.PageShift);

    private static int RecordedPagesOfHuge => 1 << (X64Geometry.LevelShift(2) - X64Geometry.PageShift);
}
