namespace PageTableEmu.Bench.Native;

/// <summary>The C baselines cannot be had on this machine.</summary>
public sealed class BaselineException(string message) : Exception(message);
