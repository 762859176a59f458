using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>An architecture that does everything as another one does, but for the members that a mutant overrides.</summary>
public interface IMutant<TArch> : IForwardingArchitecture<TArch>
    where TArch : struct, IArchitecture;
