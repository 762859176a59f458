namespace PageTableEmu.Core.Tests.Mm.CowMatrix;

/// <summary>Points between the steps of a test, where reclaim may come by and where a fault of the rules can be played.</summary>
internal enum CowMoment
{
    /// <summary>The memory is as its kind says.</summary>
    Prepared,

    /// <summary>Pages were taken hold of.</summary>
    Held,

    /// <summary>The child was just made.</summary>
    Forked,

    /// <summary>All is set for the store that the test is about.</summary>
    BeforeStore,
}
