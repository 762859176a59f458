using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Verification;

/// <summary>Linux 6.18, repaired: MADV_FREE leaves alone what another process maps.</summary>
internal readonly struct SparingModel : IModel
{
    static bool IModel.Checked => true;

    static bool IModel.LazyFreeSparesShared => true;
}
