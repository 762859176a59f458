using PageTableEmu.Image;

namespace PageTableEmu.Core.Tests.Image;

/// <summary>Sizes and places for the tests of this folder.</summary>
internal static class ImageFixture
{
    internal static MachineImageOptions Small(ulong frames = 64) => new()
    {
        RamBytes = frames << 12,
        SwapSlots = 64,
        SwapStoreSlots = 4,
        SwapOverflows = 8,
        AddressSpaces = 4,
        Vmas = 16,
        AnonVmas = 16,
        AnonVmaChains = 16,
        SharedObjects = 16,
        SharedIndexBlocks = 16,
        KsmSlots = 4,
        KsmItems = 16,
        KsmNodes = 16,
    };

    internal static ImageLocation Named() => ImageLocation.Named($"ptemu-test-{Environment.ProcessId}-{Guid.NewGuid():N}");

    internal static ImageLocation Files(string folder) => ImageLocation.Files(Path.Combine(folder, "ram"), Path.Combine(folder, "metadata"));

    /// <summary>Runs an action with a new folder that is gone afterwards.</summary>
    internal static void InFolder(Action<string> action)
    {
        string folder = Directory.CreateTempSubdirectory("ptemu-test-").FullName;
        try
        {
            action(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Runs an action with a shared image that is gone afterwards.</summary>
    internal static void WithImage(ImageLocation location, MachineImageOptions options, Action<MachineImage> action)
    {
        using MachineImage image = MachineImage.Create(location, options);
        try
        {
            action(image);
        }
        finally
        {
            MachineImage.Delete(location);
        }
    }

    internal static void RequireSharedMemoryFolder() =>
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "this system has no /dev/shm");
}
