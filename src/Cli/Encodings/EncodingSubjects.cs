using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Encodings;

/// <summary>The formats that the laboratory compares: ours, four that only vary one choice, and those of an assembly.</summary>
internal static class EncodingSubjects
{
    private const string Untrimmed = "A format that its user names is loaded while the program runs, which needs a runtime with a JIT.";

    /// <summary>Ours, each format once: x86-64 has one for both depths of tables, sparc64 one for all processors.</summary>
    internal static IEnumerable<EncodingSubject> Ours()
    {
        yield return Architectures.Invoke("x86_64", new OfArchitecture());
        yield return Architectures.Invoke("sparc64_sun4v", new OfArchitecture());
        yield return Architectures.Invoke("arm64", new OfArchitecture());
        foreach (string name in SwapFormats.Names)
        {
            yield return SwapFormats.Invoke(name, 1, new OfFormat());
            if (SwapFormats.HasLevel(name, 2))
                yield return SwapFormats.Invoke(name, 2, new OfFormat());
        }
    }

    /// <summary>The same fields in four arrangements.</summary>
    internal static IEnumerable<EncodingSubject> Trials() =>
    [
        new EncodingSubject<TrialFormat<On, Off>>("trial: type above", 12, false),
        new EncodingSubject<TrialFormat<On, On>>("trial: type above, offset complemented", 12, false),
        new EncodingSubject<TrialFormat<Off, Off>>("trial: type below", 12, false),
        new EncodingSubject<TrialFormat<Off, On>>("trial: type below, offset complemented", 12, false),
    ];

    /// <summary>
    /// Every struct of an assembly that is a format: an architecture, a format with a byte order, or only an <see cref="ISwapFormat"/>.
    /// </summary>
    /// <exception cref="InputException">The file is no assembly, or holds no format.</exception>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Untrimmed)]
    internal static IReadOnlyList<EncodingSubject> Of(string file)
    {
        Assembly assembly;
        try
        {
            assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.GetFullPath(file));
        }
        catch (Exception error) when (error is IOException or BadImageFormatException)
        {
            throw new InputException($"{file}: {error.Message}");
        }

        EncodingSubject[] found = [.. assembly.GetTypes()
            .Where(type => type.IsValueType && !type.ContainsGenericParameters && typeof(ISwapFormat).IsAssignableFrom(type))
            .OrderBy(type => type.Name, StringComparer.Ordinal).Select(Make)];
        return found.Length != 0 ? found : throw new InputException($"{file} has no struct that implements {nameof(ISwapFormat)}.");
    }

    [UnconditionalSuppressMessage("Trimming", "IL2071", Justification = Untrimmed)]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = Untrimmed)]
    private static EncodingSubject Make(Type type)
    {
        string kit = typeof(IArchitecture).IsAssignableFrom(type) ? nameof(MakeArchitecture)
            : typeof(ISwapOnlyFormat).IsAssignableFrom(type) ? nameof(MakeFormat) : nameof(MakePlain);
        MethodInfo method = typeof(EncodingSubjects).GetMethod(kit, BindingFlags.NonPublic | BindingFlags.Static)!;
        return (EncodingSubject)method.MakeGenericMethod(type).Invoke(null, null)!;
    }

    private static EncodingSubject<TArch> MakeArchitecture<TArch>()
        where TArch : struct, IArchitecture => new(TArch.Name, TArch.PageShift, TArch.BigEndian == BitConverter.IsLittleEndian);

    private static EncodingSubject<TFormat> MakeFormat<TFormat>()
        where TFormat : struct, ISwapOnlyFormat =>
        new(TFormat.Level == 1 ? TFormat.Name : $"{TFormat.Name} level {TFormat.Level}", TFormat.PageShift,
            TFormat.BigEndian == BitConverter.IsLittleEndian);

    private static EncodingSubject<TFormat> MakePlain<TFormat>()
        where TFormat : struct, ISwapFormat => new(typeof(TFormat).Name, null, false);

    private sealed class OfArchitecture : IArchitectureAction<EncodingSubject>
    {
        public EncodingSubject Invoke<TArch>()
            where TArch : struct, IArchitecture, IEntryNames => MakeArchitecture<TArch>();
    }

    private sealed class OfFormat : ISwapFormatAction<EncodingSubject>
    {
        public EncodingSubject InvokeFormat<TFormat>()
            where TFormat : struct, ISwapOnlyFormat => MakeFormat<TFormat>();
    }
}
