using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace PageTableEmu.Docs.Tests;

/// <summary>A piece of C# in the documentation of a member, compiled as the top-level statements of a program.</summary>
internal sealed class Example
{
    private readonly CSharpCompilation compilation;

    internal Example(string member, string code)
    {
        Member = member;
        SyntaxTree tree = CSharpSyntaxTree.ParseText(code, Library.ParseOptions, path: member);
        Runs = tree.GetRoot().DescendantNodes().OfType<GlobalStatementSyntax>().Any();
        compilation = Library.Compile($"Example{Library.NextNumber()}", tree, Runs);
        Shown = Runs || tree.GetRoot().DescendantNodes().Any() ? Collect(tree) : [];
    }

    /// <summary>Documentation id of what it is an example of, such as T:PageTableEmu.Machine`1.</summary>
    internal string Member { get; }

    /// <summary>Whether it has statements; otherwise it only declares types.</summary>
    internal bool Runs { get; }

    /// <summary>Full metadata names of the library's types that the compiler sees used: named, had as a value, or asked for a member.</summary>
    internal HashSet<string> Shown { get; }

    internal IEnumerable<string> Errors() => compilation.GetDiagnostics()
        .Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
        .Select(diagnostic => $"{Member}: {diagnostic.Location.GetLineSpan().StartLinePosition.Line + 1}: {diagnostic.GetMessage()}");

    /// <summary>The program in machine code of .NET.</summary>
    internal byte[] Emit()
    {
        using var stream = new MemoryStream();
        Assert.True(compilation.Emit(stream).Success, Member);
        return stream.ToArray();
    }

    private HashSet<string> Collect(SyntaxTree tree)
    {
        SemanticModel model = compilation.GetSemanticModel(tree);
        var shown = new HashSet<string>();
        foreach (SyntaxNode node in tree.GetRoot().DescendantNodes())
        {
            TypeInfo type = model.GetTypeInfo(node);
            Add(shown, type.Type);
            Add(shown, type.ConvertedType);
            ISymbol? symbol = model.GetSymbolInfo(node).Symbol;
            Add(shown, symbol as ITypeSymbol);
            Add(shown, symbol?.ContainingType);
            Add(shown, (model.GetDeclaredSymbol(node) as ILocalSymbol)?.Type);
        }

        return shown;
    }

    private static void Add(HashSet<string> shown, ITypeSymbol? type)
    {
        if (type is IArrayTypeSymbol array)
            Add(shown, array.ElementType);
        if (type is not INamedTypeSymbol named)
            return;
        if (shown.Add(Library.NameOf(named)))
        {
            foreach (ITypeSymbol argument in named.TypeArguments)
                Add(shown, argument);
        }
    }
}
