namespace PageTableEmu.Cli;

/// <summary>The file that a page for a browser goes to.</summary>
internal static class PageFile
{
    /// <summary>Throws unless the file can be written: asked before the work that fills it, which takes minutes at times.</summary>
    /// <exception cref="IOException">It cannot.</exception>
    /// <exception cref="UnauthorizedAccessException">The caller may not.</exception>
    internal static void Probe(string? path)
    {
        if (path is null)
            return;
        bool existed = File.Exists(path);
        new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write).Dispose();
        if (!existed)
            File.Delete(path);
    }
}
