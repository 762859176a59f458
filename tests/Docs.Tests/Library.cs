using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace PageTableEmu.Docs.Tests;

/// <summary>The built assemblies of the library, their documentation, and a compiler that knows them.</summary>
internal static partial class Library
{
    private static readonly string[] AssemblyNames =
    [
        "PageTableEmu", "PageTableEmu.Arch.X64", "PageTableEmu.Arch.Sparc", "PageTableEmu.Arch.Arm64", "PageTableEmu.Arch.Formats",
        "PageTableEmu.Conformance", "PageTableEmu.Conformance.Xunit", "PageTableEmu.Explore", "PageTableEmu.Replay",
    ];

    private static int number;

    internal static CSharpParseOptions ParseOptions { get; } = new(LanguageVersion.Preview);

    internal static IReadOnlyList<Assembly> Assemblies { get; } = [.. AssemblyNames.Select(Assembly.Load)];

    /// <summary>Every public type that is not nested in another.</summary>
    internal static IReadOnlyList<Type> PublicTypes { get; } =
        [.. Assemblies.SelectMany(assembly => assembly.GetExportedTypes()).Where(type => !type.IsNested).OrderBy(type => type.FullName)];

    /// <summary>What documentation says about each member, by its id.</summary>
    internal static IReadOnlyDictionary<string, XElement> Documentation { get; } = Assemblies.SelectMany(ReadDocumentation)
        .ToDictionary(member => (string)member.Attribute("name")!);

    /// <summary>The assembly of what examples take for granted (Given.txt).</summary>
    internal static byte[] Given { get; } = CompileGiven();

    private static Lazy<SyntaxTree> Imports { get; } = new(() => CSharpSyntaxTree.ParseText(Usings() + "global using static Given;\n", ParseOptions));

    private static Lazy<List<MetadataReference>> References { get; } = new(() => [.. Runtime(), MetadataReference.CreateFromImage(Given)]);

    /// <summary>All C# examples of the documentation.</summary>
    internal static IReadOnlyList<Example> Examples { get; } = [.. Documentation
        .SelectMany(member => member.Value.Elements("example").SelectMany(example => example.Elements("code"))
            .Select(code => (Member: member.Key, Code: code.Value)))
        .DistinctBy(example => example.Code) // a primary constructor repeats its type's
        .Select(example => new Example(example.Member, example.Code))];

    /// <summary>The C# of README.md and of the pages in docs.</summary>
    internal static IReadOnlyList<Example> Pages { get; } = [.. Directory.EnumerateFiles(Path.Combine(Root(), "docs"), "*.md")
        .Append(Path.Combine(Root(), "README.md")).Order(StringComparer.Ordinal)
        .SelectMany(path => Fence().Matches(File.ReadAllText(path)).Select(match => new Example(Path.GetFileName(path), match.Groups[1].Value)))];

    internal static int NextNumber() => ++number;

    /// <summary>The text of one of this project's lists.</summary>
    internal static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(Library).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    /// <summary>As <see cref="Type.FullName"/> has it.</summary>
    internal static string NameOf(INamedTypeSymbol type) => $"{type.ContainingNamespace.ToDisplayString()}.{type.MetadataName}";

    internal static CSharpCompilation Compile(string name, SyntaxTree tree, bool isProgram) => CSharpCompilation.Create(
        name,
        [Imports.Value, tree],
        References.Value,
        Options(isProgram ? OutputKind.ConsoleApplication : OutputKind.DynamicallyLinkedLibrary));

    private static CSharpCompilationOptions Options(OutputKind kind) =>
        new(kind, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable);

    private static byte[] CompileGiven()
    {
        CSharpCompilation given = CSharpCompilation.Create(
            "Given",
            [CSharpSyntaxTree.ParseText(Usings() + Resource("Given.txt"), ParseOptions)],
            Runtime(),
            Options(OutputKind.DynamicallyLinkedLibrary));
        using var stream = new MemoryStream();
        var result = given.Emit(stream);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics));
        return stream.ToArray();
    }

    /// <summary>
    /// The namespaces that every program has, and the library's but for that of recordings, which names things as memory management does.
    /// </summary>
    private static string Usings() => string.Concat(PublicTypes.Select(type => type.Namespace!).Where(name => name != "PageTableEmu.Replay")
        .Concat(["System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Threading", "System.Threading.Tasks"])
        .Distinct().Select(name => $"global using {name};\n"));

    private static List<MetadataReference> Runtime() => [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
        .Where(path => !path.Contains("CodeAnalysis", StringComparison.Ordinal)).Select(path => MetadataReference.CreateFromFile(path))];

    private static IEnumerable<XElement> ReadDocumentation(Assembly assembly)
    {
        string path = Path.ChangeExtension(assembly.Location, ".xml");
        Assert.True(File.Exists(path), $"{Path.GetFileName(path)} is missing: build with GenerateDocumentationFile.");
        return XDocument.Load(path).Descendants("member");
    }

    /// <summary>The type that a documentation id belongs to.</summary>
    internal static string TypeOf(string id)
    {
        string name = id[2..];
        int parameters = name.IndexOf('(', StringComparison.Ordinal);
        if (parameters >= 0)
            name = name[..parameters];
        return id[0] == 'T' ? name : MethodArity().Replace(name[..name.LastIndexOf('.')], "");
    }

    /// <summary>The folder of PageTableEmu.sln, found upwards from the test program.</summary>
    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder != null && !File.Exists(Path.Combine(folder, "PageTableEmu.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new DirectoryNotFoundException("PageTableEmu.sln is not above the test program.");
    }

    [GeneratedRegex(@"^```csharp\r?\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"``\d+$")]
    private static partial Regex MethodArity();
}
