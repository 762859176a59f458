namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>What the kernel's run says about a case.</summary>
internal enum CowVerdict
{
    Pass,
    ExpectedFail,
    Skip,
}
