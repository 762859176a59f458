using System.Buffers.Binary;
using PageTableEmu.Atomics;
using PageTableEmu.Image;

namespace PageTableEmu.Core.Tests.Image;

public sealed class CorruptImageTests
{
    private static readonly string[] Fields =
    [
        "Magic", "Version", "MetadataBytes", "RamIdentity", "RamBytes", "PageShift", "HugeShift", "ArchitectureId", "ReservedFrames", "SwapSlots",
        "SwapStoreSlots", "SwapClusterSlots", "SwapOverflows", "AddressSpaces", "Vmas", "AnonVmas", "AnonVmaChains",
        "SharedObjects", "SharedIndexBlocks",
        "KsmSlots", "KsmItems", "KsmNodes", "TagBytesPerPage", "TagBuffers", "AddressTagBuffers",
    ];

    /// <summary>Exhaustive: each of the 4,096 bits of the header, one at a time.</summary>
    [Fact]
    public void EveryFlippedHeaderBit_IsAttributedToItsField() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        MachineImage.Create(location, ImageFixture.Small() with { ArchitectureId = 3 }).Dispose();
        byte[] good = File.ReadAllBytes(location.Metadata);
        for (int bit = 0; bit < ImageLayout.HeaderBytes * 8; bit++)
        {
            byte[] bad = good[..ImageLayout.HeaderBytes];
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            Patch(location.Metadata, bad);
            string expected = bit / 128 < Fields.Length ? Fields[bit / 128] : "Reserved";
            Assert.Equal(expected, Assert.Throws<CorruptImageException>(() => MachineImage.Attach(location)).Field);
        }

        Patch(location.Metadata, good[..ImageLayout.HeaderBytes]);
        MachineImage.Attach(location).Dispose();
    });

    /// <summary>
    /// A value together with its complement: not damage but a lie. Attaching is refused, or the lie moves nothing out of the mappings and the
    /// allocator works or says what is wrong.
    /// </summary>
    [Fact]
    public void EveryFieldWithAnotherConsistentValue_IsRefusedOrHarmless() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        MachineImage.Create(location, ImageFixture.Small()).Dispose();
        byte[] whole = File.ReadAllBytes(location.Metadata);
        byte[] good = whole[..ImageLayout.HeaderBytes];
        int accepted = 0;
        for (int field = 0; field < Fields.Length; field++)
        {
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(good.AsSpan(field * 16));
            ulong[] lies = [0, 1, value + 1, value - 1, value * 2, value << 20, 1UL << 31, 1UL << 32, 1UL << 63, ulong.MaxValue, uint.MaxValue];
            foreach (ulong lie in lies.Where(l => l != value))
            {
                byte[] bad = [.. good];
                BinaryPrimitives.WriteUInt64LittleEndian(bad.AsSpan(field * 16), lie);
                BinaryPrimitives.WriteUInt64LittleEndian(bad.AsSpan((field * 16) + 8), ~lie);
                Patch(location.Metadata, bad);
                try
                {
                    using MachineImage image = MachineImage.Attach(location);
                    accepted++;
                    Assert.DoesNotContain(Fields[field], (string[])["Magic", "Version", "MetadataBytes", "RamIdentity", "RamBytes", "PageShift"]);
                    Assert.Equal((ulong)new FileInfo(location.Metadata).Length, image.MetadataBytes);
                    Assert.All(FrameAllocatorTests.AllocateAll(new Folios<CheckedModel>(image).Allocator), frame => Assert.InRange(frame, 1u, 63u));
                    File.WriteAllBytes(location.Metadata, whole);
                }
                catch (CorruptImageException refused)
                {
                    Assert.NotEmpty(refused.Field);
                }
            }
        }

        Assert.NotEqual(0, accepted);
    });

    [Fact]
    public void TruncatedImages_AreRefused_AtEveryLength() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        MachineImage.Create(location, ImageFixture.Small()).Dispose();
        byte[] metadata = File.ReadAllBytes(location.Metadata);
        byte[] ram = File.ReadAllBytes(location.Ram);
        foreach (int length in (int[])[0, 1, 511, 512, 513, 4096, metadata.Length / 2, metadata.Length - 1])
        {
            File.WriteAllBytes(location.Metadata, metadata[..length]);
            Assert.Equal("MetadataImage", Assert.Throws<CorruptImageException>(() => MachineImage.Attach(location)).Field);
        }

        File.WriteAllBytes(location.Metadata, metadata);
        foreach (int length in (int[])[0, 1, 4096, ram.Length - 1, ram.Length + 65536])
        {
            Resize(location.Ram, length);
            Assert.Equal("RamImage", Assert.Throws<CorruptImageException>(() => MachineImage.Attach(location)).Field);
        }

        Resize(location.Ram, ram.Length);
        MachineImage.Attach(location).Dispose();
    });

    [Fact]
    public void ForeignFiles_OtherArchitectures_AndStrangePairs_AreRefused() => ImageFixture.InFolder(folder =>
    {
        ImageLocation location = ImageFixture.Files(folder);
        MachineImage.Create(location, ImageFixture.Small() with { ArchitectureId = 7 }).Dispose();
        Assert.Equal("ArchitectureId", Field(location, new AttachOptions { ArchitectureId = 8 }));
        MachineImage.Attach(location, new AttachOptions { ArchitectureId = 7 }).Dispose();

        string copy = Path.Combine(folder, "copy");
        File.Copy(location.Ram, copy);
        var pair = ImageLocation.Files(copy, location.Metadata);
        Assert.Equal("RamIdentity", Field(pair));
        MachineImage.Attach(pair, new AttachOptions { AcceptCopiedRam = true }).Dispose();
        MachineImage.Attach(pair).Dispose();
        Assert.Equal("RamIdentity", Field(location));

        Assert.Equal("Magic", Field(ImageLocation.Files(location.Metadata, location.Ram))); // the wrong way round
        File.WriteAllText(copy, new string('x', 10_000));
        Assert.Equal("Magic", Field(ImageLocation.Files(location.Ram, copy)));
    });

    [Fact]
    public void NumbersOutsideTheImage_NeverBecomeAddresses()
    {
        using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small());
        foreach (uint frame in (uint[])[64, 65, uint.MaxValue, 1u << 31])
        {
            Assert.Throws<CorruptImageException>(() => image.Frame(frame).RefCount);
            Assert.Throws<CorruptImageException>(() => image.FrameBytes(frame).Length);
        }

        Assert.Throws<CorruptImageException>(() => image.Frame(0).RefCount);
        foreach (ulong address in (ulong[])[64 << 12, (64 << 12) + 8, ulong.MaxValue, ulong.MaxValue - 7, 1UL << 63, 4, 12, (64 << 12) - 4, 1])
            Assert.Throws<CorruptImageException>(() => image.RamWord(address));
        Assert.Equal(0ul, image.RamWord((64 << 12) - 8));
        foreach (MetadataRegion region in Enum.GetValues<MetadataRegion>())
        {
            ulong capacity = image.Capacity(region);
            foreach (ulong index in (ulong[])[capacity, capacity + 1, ulong.MaxValue, 1UL << 58, 1UL << 60])
            {
                Assert.Equal(region.ToString(), Assert.Throws<CorruptImageException>(() => image.Record<byte>(region, index)).Field);
                Assert.Throws<CorruptImageException>(() => image.RecordBytes(region, index).Length);
                Assert.False(image.TryCommit(region, index));
            }
        }

        // larger than the region's records
        Assert.Throws<CorruptImageException>(() => image.Record<FrameRecord>(MetadataRegion.SwapSlots, 0).RefCount);
    }

    /// <summary>
    /// A shared image whose metadata (behind the header) and frame records are damaged at random: errors have a type, and nothing crashes or
    /// hangs.
    /// </summary>
    [Fact]
    public void RandomDamage_NeverCrashesTheAllocator()
    {
        int refused = 0;
        int[] damages = [1, 2, 5, 50];
        for (int seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            using MachineImage image = MachineImage.CreatePrivate(ImageFixture.Small(200) with { HugeShift = 18 });
            var allocator = new Folios<CheckedModel>(image).Allocator;
            List<uint> held = [.. Enumerable.Range(0, 100).Select(_ => allocator.TryAllocate())];
            foreach (uint frame in held.Where((_, i) => i % 2 == 0))
                FrameAllocatorTests.Release(image, allocator, frame);
            Damage(image, random, damages[seed % damages.Length]);
            for (int step = 0; step < 300; step++)
            {
                try
                {
                    AnyStep(image, allocator, held, random);
                }
                catch (CorruptImageException error)
                {
                    Assert.NotEmpty(error.Field);
                    refused++;
                }
                catch (ArgumentException)
                {
                    refused++; // a held frame whose record now says that it has references, or a block that is none
                }
            }
        }

        Assert.NotEqual(0, refused);
    }

    private static void AnyStep(MachineImage image, FrameAllocator<CheckedModel> allocator, List<uint> held, Random random)
    {
        switch (random.Next(10))
        {
            case < 5:
                uint frame = allocator.TryAllocate();
                Assert.InRange(frame, 0u, 199u);
                if (frame != 0)
                    held.Add(frame);
                break;
            case < 8:
                FrameAllocatorTests.Release(image, allocator, held[random.Next(held.Count)]);
                break;
            case 8:
                uint block = allocator.TryAllocateBlock();
                Assert.InRange(block, 0u, 199u);
                break;
            default:
                allocator.AdvanceEpoch();
                break;
        }
    }

    private static void Damage(MachineImage image, Random random, int bits)
    {
        MetadataRegion[] targets =
        [
            MetadataRegion.Frames, MetadataRegion.FrameAreas, MetadataRegion.FrameBits, MetadataRegion.FrameCaches, MetadataRegion.FrameState,
        ];
        for (int bit = 0; bit < bits; bit++)
        {
            MetadataRegion region = targets[random.Next(targets.Length)];
            ulong index = (ulong)random.NextInt64((long)image.Capacity(region));
            if (region == MetadataRegion.FrameCaches && random.Next(2) == 0)
                index = Owner.Thread % 64;
            Span<byte> record = image.RecordBytes(region, index);
            record[random.Next(record.Length)] ^= (byte)(1 << random.Next(8));
        }
    }

    private static string Field(ImageLocation location, AttachOptions? options = null) =>
        Assert.Throws<CorruptImageException>(() => MachineImage.Attach(location, options)).Field;

    private static void Patch(string path, byte[] bytes)
    {
        using FileStream file = File.OpenWrite(path);
        file.Write(bytes);
    }

    private static void Resize(string path, long length)
    {
        using FileStream file = File.OpenWrite(path);
        file.SetLength(length);
    }
}
