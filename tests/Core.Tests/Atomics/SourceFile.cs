using System.Text;

namespace PageTableEmu.Core.Tests.AtomicAccess;

/// <summary>A source file of the repository, as written and with comments and literals blanked out.</summary>
internal sealed class SourceFile
{
    private SourceFile(string root, string path)
    {
        Name = Path.GetRelativePath(root, path).Replace('\\', '/');
        string text = File.ReadAllText(path);
        Lines = text.Split('\n');
        Code = Blank(text).Split('\n');
    }

    /// <summary>The folder of PageTableEmu.sln, found upwards from the test program.</summary>
    internal static string Root { get; } = FindRoot();

    /// <summary>Path below the root, with slashes.</summary>
    internal string Name { get; }

    /// <summary>The folder part of the name.</summary>
    internal string Folder => Name[..Name.LastIndexOf('/')];

    internal string[] Lines { get; }

    /// <summary>The lines with everything blanked that the compiler does not read as code.</summary>
    internal string[] Code { get; }

    internal static List<SourceFile> All(params string[] folders)
    {
        List<SourceFile> files = [.. folders.Select(folder => Path.Combine(Root, folder)).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
            .Where(path => !path.Replace('\\', '/').Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal)
            .Select(path => new SourceFile(Root, path))];
        Assert.NotEmpty(files); // a test that reads nothing would pass
        return files;
    }

    /// <summary>Comments, strings and characters become spaces; line ends stay. Holes of interpolated strings are blanked with them.</summary>
    internal static string Blank(string text)
    {
        var code = new StringBuilder(text);
        for (int at = 0; at < text.Length;)
        {
            int end = LiteralEnd(text, at);
            for (int index = at; index < end; index++)
            {
                if (code[index] != '\n')
                    code[index] = ' ';
            }

            at = end == at ? at + 1 : end;
        }

        return code.ToString();
    }

    /// <summary>Where the comment or literal that begins here ends; the position itself when none begins.</summary>
    private static int LiteralEnd(string text, int at)
    {
        bool Is(string token) => string.CompareOrdinal(text, at, token, 0, token.Length) == 0;
        int After(string token, int from) =>
            text.IndexOf(token, from, StringComparison.Ordinal) is >= 0 and var found ? found + token.Length : text.Length;
        if (Is("//"))
            return text.IndexOf('\n', at) is >= 0 and var line ? line : text.Length;
        if (Is("/*"))
            return After("*/", at + 2);
        if (Is("\"\"\""))
            return After("\"\"\"", at + 3);
        if (Is("@\"") || Is("$@\""))
            return After("\"", text.IndexOf('"', at) + 1);
        if (text[at] is not ('"' or '\''))
            return at;
        int end = at + 1;
        while (end < text.Length && text[end] != text[at] && text[end] != '\n')
            end += text[end] == '\\' ? 2 : 1;
        return Math.Min(end + 1, text.Length);
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "PageTableEmu.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException($"No PageTableEmu.sln above {AppContext.BaseDirectory}.");
    }
}
