using PageTableEmu.Platform;

namespace PageTableEmu.Image;

/// <summary>Where the two images of a shared machine are: two files, or a name in shared memory.</summary>
/// <example>
/// <code>
/// string folder = Directory.CreateTempSubdirectory().FullName;
/// ImageLocation location = ImageLocation.Files(Path.Combine(folder, "ram"), Path.Combine(folder, "metadata"));
/// using (var first = Machine&lt;X64FourLevel&gt;.Create(location, new MachineImageOptions { RamBytes = 32 &lt;&lt; 20 }))
/// using (var second = Machine&lt;X64FourLevel&gt;.Attach(location)) // in another process, usually
/// {
///     uint program = first.CreateAddressSpace();
///     second.Map(program, 0x10000, 0x4000, VmaFlags.Read | VmaFlags.Write);
/// }
/// </code>
/// </example>
public sealed record ImageLocation
{
    private ImageLocation(bool isNamed, string ram, string metadata)
    {
        IsNamed = isNamed;
        Ram = ram;
        Metadata = metadata;
    }

    /// <summary>Whether the images are named objects (/dev/shm, named sections) and not files.</summary>
    public bool IsNamed { get; }

    /// <summary>Path or object name of the RAM image.</summary>
    public string Ram { get; }

    /// <summary>Path or object name of the metadata image.</summary>
    public string Metadata { get; }

    /// <summary>Two files by path.</summary>
    /// <exception cref="ArgumentException">A path is empty, or both are the same.</exception>
    public static ImageLocation Files(string ramPath, string metadataPath)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(ramPath);
        ArgumentException.ThrowIfNullOrWhiteSpace(metadataPath);
        string ram = Path.GetFullPath(ramPath);
        string metadata = Path.GetFullPath(metadataPath);
        return ram == metadata
            ? throw new ArgumentException($"RAM image and metadata image cannot be the same file {ram}.", nameof(metadataPath))
            : new ImageLocation(false, ram, metadata);
    }

    /// <summary>
    /// Shared memory by name: /dev/shm/NAME.ram and /dev/shm/NAME.meta, or on Windows the named sections NAME.ram and NAME.meta, which live
    /// as long as a process has them attached.
    /// </summary>
    /// <param name="name">1 to 200 letters, digits, '.', '-' or '_', not beginning with '.'.</param>
    public static ImageLocation Named(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name.Length > 200 || name[0] == '.' || name.Any(c => !(char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')))
            throw new ArgumentException($"\"{name}\" is not 1 to 200 letters, digits, '.', '-' or '_' that do not begin with '.'.", nameof(name));
        return new ImageLocation(true, name + ".ram", name + ".meta");
    }

    internal SharedMemory Create(string target, ulong length) =>
        IsNamed ? HostPlatform.Current.CreateNamed(target, length) : HostPlatform.Current.CreateFile(target, length);

    internal SharedMemory Open(string target) => IsNamed ? HostPlatform.Current.OpenNamed(target) : HostPlatform.Current.OpenFile(target);

    internal bool Delete(string target) => IsNamed ? HostPlatform.Current.DeleteNamed(target) : HostPlatform.Current.DeleteFile(target);
}
