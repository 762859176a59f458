using System.Text;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Swap;

/// <summary>Where the contents of slots lie: pages of the metadata image, or a file. Moves one page at a time.</summary>
/// <remarks>
/// A file handle belongs to one process, hence to this view: it is opened at first use from the path that the area's record names, and
/// again when the area is of a later swapon.
/// </remarks>
internal sealed class SwapDevices<TModel>
    where TModel : IModel
{
    /// <summary>What a checked machine leaves in a discarded slot, so that a stale read shows.</summary>
    internal const byte DiscardPattern = 0xDB;

    private readonly SwapAreas<TModel> areas;
    private readonly MachineImage image;
    private readonly Lock opening = new();
    private readonly SwapFile?[] files = new SwapFile?[SwapAreas<TModel>.MaxAreas];

    internal SwapDevices(SwapAreas<TModel> areas)
    {
        this.areas = areas;
        image = areas.Image;
    }

    /// <summary>Failures to simulate.</summary>
    internal SwapFaults Faults { get; } = new();

    /// <summary>Reads a slot of an area that the caller has stabilised.</summary>
    internal bool TryRead(SwapEntry entry, Span<byte> page) => !Faults.FailsThisRead() && TryPeek(entry, page);

    /// <summary>As <see cref="TryRead"/>, but no simulated failure strikes it.</summary>
    internal bool TryPeek(SwapEntry entry, Span<byte> page)
    {
        ref SwapAreaRecord area = ref areas[entry.Type];
        if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.File))
            return File(entry.Type)?.TryRead(entry.Offset, page) ?? false;
        ulong store = area.FirstStore + entry.Offset;
        if (!image.TryCommit(MetadataRegion.SwapStore, store))
            return false;
        SharedBytes<TModel>.Copy(image.RecordBytes(MetadataRegion.SwapStore, store), page);
        return true;
    }

    /// <summary>The content of a slot of an area in memory that the caller has stabilised; empty when there is no storage for it.</summary>
    internal Span<byte> Bytes(SwapEntry entry)
    {
        ulong store = areas[entry.Type].FirstStore + entry.Offset;
        return image.TryCommit(MetadataRegion.SwapStore, store) ? image.RecordBytes(MetadataRegion.SwapStore, store) : default;
    }

    /// <summary>Writes a slot of an area that the caller has stabilised.</summary>
    internal bool TryWrite(SwapEntry entry, ReadOnlySpan<byte> page)
    {
        if (Faults.FailsThisWrite())
            return false;
        ref SwapAreaRecord area = ref areas[entry.Type];
        if (SwapAreas<TModel>.Has(ref area, SwapAreaFlags.File))
            return File(entry.Type)?.TryWrite(entry.Offset, page) ?? false;
        ulong store = area.FirstStore + entry.Offset;
        if (!image.TryCommit(MetadataRegion.SwapStore, store))
            return false; // the file system that holds the image is full
        SharedBytes<TModel>.Copy(page, image.RecordBytes(MetadataRegion.SwapStore, store));
        return true;
    }

    /// <summary>
    /// Tells the device that a slot was freed; the slot's cluster is locked, so nobody has it again yet. A synchronous device in memory drops
    /// the content at once (zram's swap_slot_free_notify): who still reads it reads garbage.
    /// </summary>
    internal void SlotFreed(ref SwapAreaRecord area, SwapEntry entry)
    {
        if (!TModel.Checked || SwapAreas<TModel>.Has(ref area, SwapAreaFlags.File) || !SwapAreas<TModel>.Has(ref area, SwapAreaFlags.Synchronous))
            return;
        ulong store = area.FirstStore + entry.Offset;
        if (image.TryCommit(MetadataRegion.SwapStore, store))
            image.RecordBytes(MetadataRegion.SwapStore, store).Fill(DiscardPattern);
    }

    /// <summary>Closes the file of an area, and deletes it if swapon made it.</summary>
    internal void Close(uint type)
    {
        lock (opening)
        {
            files[type]?.Dispose();
            files[type] = null;
        }

        ref SwapAreaRecord area = ref areas[type];
        if (!SwapAreas<TModel>.Has(ref area, SwapAreaFlags.FileCreated))
            return;
        try
        {
            System.IO.File.Delete(Path(ref area));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Somebody made the directory read-only meanwhile: the file stays, and nothing in the machine depends on it.
        }
    }

    /// <summary>Closes the files that this view has open.</summary>
    internal void CloseAll()
    {
        lock (opening)
        {
            foreach (SwapFile? file in files)
                file?.Dispose();
            Array.Clear(files);
        }
    }

    /// <summary>Stores the path of an area's file.</summary>
    internal static void SetPath(ref SwapAreaRecord area, ReadOnlySpan<byte> path)
    {
        path.CopyTo(area.Path);
        area.PathLength = (uint)path.Length;
    }

    private static string Path(ref SwapAreaRecord area)
    {
        if (area.PathLength > SwapAreaRecord.PathCapacity)
            throw new CorruptImageException(nameof(SwapAreaRecord.PathLength), $"{area.PathLength} is above {SwapAreaRecord.PathCapacity}");
        return Encoding.UTF8.GetString(((ReadOnlySpan<byte>)area.Path)[..(int)area.PathLength]);
    }

    private SwapFile? File(uint type)
    {
        ref SwapAreaRecord area = ref areas[type];
        SwapFile? file = files[type];
        if (file != null && file.Incarnation == area.Incarnation)
            return file;
        lock (opening)
        {
            file = files[type];
            if (file == null || file.Incarnation != area.Incarnation)
            {
                file?.Dispose();
                file = SwapFile.TryOpen(Path(ref area), image.PageSize, area.Incarnation);
                files[type] = file;
            }

            return file;
        }
    }
}
