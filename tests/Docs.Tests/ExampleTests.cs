using System.Reflection;
using System.Runtime.Loader;

namespace PageTableEmu.Docs.Tests;

/// <summary>
/// The examples in the documentation, README.md and docs are programs: they compile against the built assemblies, run, and leave the machine in
/// order. Every public type is shown by one of them, and its own documentation leads there.
/// </summary>
public sealed class ExampleTests
{
    [Fact]
    public void EveryExample_Compiles()
    {
        Assert.NotEmpty(Library.Examples);
        Assert.NotEmpty(Library.Pages);
        AssertNone(Library.Examples.Concat(Library.Pages).SelectMany(example => example.Errors()));
    }

    [Fact]
    public void EveryExampleWithStatements_Runs_AndLeavesTheMachineInOrder()
    {
        AssertNone(Library.Examples.Concat(Library.Pages).Where(example => example.Runs && !example.Errors().Any()).SelectMany(Run));
    }

    /// <summary>
    /// The rule: the compiler sees the type used in an example, either in its own documentation or in that of a type or member which its own
    /// documentation names in a <c>see</c> or <c>seealso</c>. Exempt are the names in Unshown.txt, which says why.
    /// </summary>
    [Fact]
    public void EveryPublicType_IsShownByAnExample_WhereItsDocumentationLeads()
    {
        HashSet<string> exempt = [.. Exempt()];
        AssertNone(Library.PublicTypes.Select(type => type.FullName!).Where(name => !exempt.Contains(name) && !IsShown(name)).Select(name =>
            Library.Examples.Where(example => example.Shown.Contains(name)).MinBy(example => Distance(name, example)) is { } example
                ? $"{name}: its documentation does not lead to the example of {example.Member}"
                : $"{name}: no example shows it"));
    }

    [Fact]
    public void EveryExemptType_ExistsAndIsNotShown()
    {
        HashSet<string> all = [.. Library.PublicTypes.Select(type => type.FullName!)];
        AssertNone(Exempt().Where(name => !all.Contains(name) || IsShown(name)).Select(name => $"{name} need not be in Unshown.txt"));
    }

    /// <summary>How far away an example is: a type of the same assembly comes first, and then one of the same namespace.</summary>
    private static int Distance(string name, Example example)
    {
        Type type = Library.PublicTypes.First(type => type.FullName == name);
        Type? other = Library.PublicTypes.FirstOrDefault(type => type.FullName == Library.TypeOf(example.Member));
        return type.Assembly != other?.Assembly ? 2 : type.Namespace != other.Namespace ? 1 : 0;
    }

    private static IEnumerable<string> Exempt() => Library.Resource("Unshown.txt").Split('\n')
        .Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#');

    private static bool IsShown(string name)
    {
        HashSet<string> places = [name, .. Library.Documentation.Where(member => Library.TypeOf(member.Key) == name)
            .SelectMany(member => member.Value.Descendants().Where(element => element.Name == "see" || element.Name == "seealso"))
            .Select(element => (string?)element.Attribute("cref")).OfType<string>().Where(id => id[1] == ':').Select(id => Library.TypeOf(id))];
        return Library.Examples.Any(example => example.Shown.Contains(name) && places.Contains(Library.TypeOf(example.Member)));
    }

    private static IEnumerable<string> Run(Example example)
    {
        var context = new AssemblyLoadContext(example.Member, isCollectible: true);
        TextWriter console = Console.Out;
        try
        {
            Type given = context.LoadFromStream(new MemoryStream(Library.Given)).GetType("Given")!;
            context.Resolving += (_, name) => name.Name == "Given" ? given.Assembly : null;
            MethodInfo main = context.LoadFromStream(new MemoryStream(example.Emit())).EntryPoint!;
            Console.SetOut(TextWriter.Null);
            given.GetMethod("Begin")!.Invoke(null, null);
            main.Invoke(null, [Array.Empty<string>()]);
            var complaints = (string[])given.GetMethod("Complaints")!.Invoke(null, null)!;
            given.GetMethod("End")!.Invoke(null, null);
            return complaints.Select(complaint => $"{example.Member}: {complaint}");
        }
        catch (TargetInvocationException exception)
        {
            return [$"{example.Member}: {exception.InnerException}"];
        }
        finally
        {
            Console.SetOut(console);
            context.Unload();
        }
    }

    private static void AssertNone(IEnumerable<string> problems)
    {
        List<string> all = [.. problems];
        Assert.True(all.Count == 0, $"{all.Count}:{Environment.NewLine}{string.Join(Environment.NewLine, all)}");
    }
}
