using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Loader;
using PageTableEmu.Cli.Entries;
using PageTableEmu.Conformance;
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
    /// Every struct of some assemblies that is a format: an architecture, a format with a byte order, or only an <see cref="ISwapFormat"/>. Who has
    /// a name that another one has too is told apart by the name of the type.
    /// </summary>
    /// <param name="files">The assemblies.</param>
    /// <param name="others">Formats that they are compared with.</param>
    /// <exception cref="InputException">A file is no assembly, or holds no format, or a format throws.</exception>
    internal static IReadOnlyList<EncodingSubject> Of(IEnumerable<string> files, IEnumerable<EncodingSubject> others)
    {
        var names = new HashSet<string>(others.Select(subject => subject.Name));
        return [.. files.SelectMany(Formats).Distinct().Select(type => Make(type, names))];
    }

    /// <summary>The formats of a user that break a law of swap entries, each with the laws and the words that show it.</summary>
    internal static IEnumerable<string> Complaints(IEnumerable<EncodingSubject> subjects)
    {
        foreach (EncodingSubject subject in subjects.Where(subject => subject.IsOwn))
        {
            ConformanceReport report = subject.TryLaws();
            if (!report.Conforms)
                yield return $"{subject.Name} breaks laws of swap entries, so nothing is measured:\n{report}";
        }
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = Untrimmed)]
    private static IEnumerable<Type> Formats(string file)
    {
        if (!File.Exists(file))
            throw new InputException($"{file}: there is no such file");
        Type[] types;
        try
        {
            types = AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.GetFullPath(file)).GetTypes();
        }
        catch (ReflectionTypeLoadException error)
        {
            // Built for another version of the library, or a library that it needs is not beside it.
            throw new InputException($"{file}: {error.LoaderExceptions.FirstOrDefault(inner => inner is not null)?.Message ?? error.Message}");
        }
        catch (Exception error) when (error is IOException or BadImageFormatException or UnauthorizedAccessException)
        {
            throw new InputException($"{file}: {error.Message.TrimEnd()}");
        }

        Type[] found = [.. types
            .Where(type => type.IsValueType && !type.ContainsGenericParameters && typeof(ISwapFormat).IsAssignableFrom(type))
            .OrderBy(type => type.FullName, StringComparer.Ordinal)];
        return found.Length != 0 ? found : throw new InputException($"{file} has no struct that implements {nameof(ISwapFormat)}.");
    }

    [UnconditionalSuppressMessage("Trimming", "IL2071", Justification = Untrimmed)]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = Untrimmed)]
    private static EncodingSubject Make(Type type, HashSet<string> names)
    {
        string kit = typeof(IArchitecture).IsAssignableFrom(type) ? nameof(MakeArchitecture)
            : typeof(ISwapOnlyFormat).IsAssignableFrom(type) ? nameof(MakeFormat) : nameof(MakePlain);
        MethodInfo method = typeof(EncodingSubjects).GetMethod(kit, BindingFlags.NonPublic | BindingFlags.Static)!;
        try
        {
            var subject = (EncodingSubject)method.MakeGenericMethod(type).Invoke(null, null)!;
            string name = subject.Name;
            if (!names.Add(name))
                name = $"{name} of {type.FullName}";
            return subject.AsOwn(name);
        }
        catch (TargetInvocationException error)
        {
            throw new InputException($"{type.FullName} cannot be asked for its name: {(error.InnerException ?? error).Message}");
        }
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
