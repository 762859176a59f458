namespace PageTableEmu.Reclaim;

/// <summary>On whose behalf a folio is reclaimed, and what for (struct scan_control).</summary>
/// <param name="IgnoreReferences">MADV_PAGEOUT: reclaim it however recently it was used.</param>
/// <param name="WaitForWrite">Whether a folio that is being written is waited for, as in a memory group of the first generation.</param>
/// <param name="Scope">Whose memory it is that is short: a group, 0 for the machine's, or nobody's.</param>
internal readonly record struct ScanControl(bool IgnoreReferences, bool WaitForWrite, uint Scope);
