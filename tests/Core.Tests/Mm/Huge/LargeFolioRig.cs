using PageTableEmu.Atomics;
using PageTableEmu.Core.Tests.Verification;
using PageTableEmu.Mm.Huge;
using PageTableEmu.Paging;

namespace PageTableEmu.Core.Tests.Mm.Huge;

/// <summary>Machines whose memory gets large folios of some orders but no huge pages.</summary>
internal static class LargeFolioRig
{
    internal static HugeMachine<TArch> With<TArch>(Backing backing, params int[] orders)
        where TArch : struct, IArchitecture
    {
        var rig = new HugeMachine<TArch>(backing);
        rig.Machine.FolioOrders.Set(FolioOrders<TArch, CheckedModel>.Huge, FolioOrderPolicy.Never);
        foreach (int order in orders)
            rig.Machine.FolioOrders.Set(order, FolioOrderPolicy.Madvise);
        return rig;
    }
}
