using PageTableEmu.Paging;

namespace PageTableEmu.Conformance.Tests.Mutants;

/// <summary>A deliberately broken architecture.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Law">The law that must find it, among others perhaps.</param>
/// <param name="Defect">What is wrong with it.</param>
/// <param name="Run">Tries the laws that are asked for.</param>
public sealed record Mutant(string Name, string Law, string Defect, Func<Func<string, bool>, ConformanceReport> Run)
{
    public static Mutant Of<TArch>(string law, string defect)
        where TArch : struct, IArchitecture => new(typeof(TArch).Name, law, defect, ArchitectureConformance.Run<TArch>);

    public static Mutant OfTags<TArch>(string law, string defect)
        where TArch : struct, IArchitecture => new(typeof(TArch).Name, law, defect, TagProviderConformance.Run<TArch>);
}
