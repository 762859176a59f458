namespace PageTableEmu.Mm;

/// <summary>Handles one piece of a range that lies in one VMA; see <see cref="VmaPieces{TModel}"/>.</summary>
public interface IVmaPieceVisitor
{
    /// <summary>Handles [start, end) of the VMA; anything but Ok ends the walk with that result.</summary>
    MmResult Visit(uint vma, ulong start, ulong end);
}
