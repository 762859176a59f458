namespace PageTableEmu.Atomics;

/// <summary>The default model: Linux 6.18 rules, no self-checks, no instruction spent on the explorer's seam.</summary>
/// <seealso cref="Machine{TArch}"/>
public readonly struct Mainline : IModel;
