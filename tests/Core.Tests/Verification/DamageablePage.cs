namespace PageTableEmu.Core.Tests.Verification;

/// <summary>Pages of a <see cref="DamageableMachine{TArch}"/>.</summary>
internal static class DamageablePage
{
    /// <summary>Present, exclusive, written.</summary>
    internal const int Private = 0;

    /// <summary>Present in parent and child.</summary>
    internal const int Shared = 1;

    /// <summary>Swapped out before the fork; no frame.</summary>
    internal const int SwappedShared = 2;

    /// <summary>Swapped out; no frame, one entry.</summary>
    internal const int SwappedAlone = 3;

    /// <summary>Swapped out, written, its frame still in the swap cache.</summary>
    internal const int SwappedCached = 4;

    /// <summary>Read back from the swap cache: present, exclusive, clean, still bound to its slot.</summary>
    internal const int CleanCached = 5;

    /// <summary>Swapped out, read into the swap cache ahead of need.</summary>
    internal const int ReadAhead = 6;

    /// <summary>The zero page.</summary>
    internal const int Zero = 7;

    /// <summary>Nothing, in the VMA.</summary>
    internal const int Empty = 8;

    /// <summary>Nothing, behind the VMA, in the same table.</summary>
    internal const int BehindVma = 20;
}
