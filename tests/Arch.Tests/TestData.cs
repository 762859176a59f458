namespace PageTableEmu.Arch.Tests;

/// <summary>Finds the data that the tests share.</summary>
internal static class TestData
{
    public static string Vectors { get; } = Path.Combine(Root(), "tests", "data", "vectors");

    private static string Root()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "PageTableEmu.sln")))
                return at.FullName;
        }

        throw new DirectoryNotFoundException($"No PageTableEmu.sln above {AppContext.BaseDirectory}.");
    }
}
