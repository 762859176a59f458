using PageTableEmu.Arch.Arm64;
using PageTableEmu.Arch.Sparc;
using PageTableEmu.Arch.Sparc.Tsb;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Mm;
using PageTableEmu.Paging;
using PageTableEmu.Swap;

namespace PageTableEmu.Core.Tests.Sparc;

/// <summary>Translation storage buffers by themselves: tags, places, sizes, writers.</summary>
public class TsbTests
{
    private const ulong Valid = 1UL << 63;

    [Fact]
    public void TagTarget_HasContextAndAddress()
    {
        ulong target = TsbTag.Target(0x0000_1234_5678_9ABC, 0x1FFF);
        Assert.Equal(0x1FFF_0000_0048_D159UL, target);
        Assert.Equal(0x1FFFu, TsbTag.ContextOf(target));
        Assert.Equal(TsbTag.Of(0x0000_1234_5678_9ABC), TsbTag.WithoutContext(target));
        Assert.Equal(0x1234_5678_9ABCUL >> 22, TsbTag.Of(0x0000_1234_5678_9ABC));
        Assert.Throws<ArgumentOutOfRangeException>(() => TsbTag.Target(0, 0x2000));
        Assert.Equal((1UL << 47, 1UL << 46), (TsbTag.Lock, TsbTag.Invalid));
    }

    [Fact]
    public void Sizes_AreThoseOfTheKernel()
    {
        for (int code = 0; code <= TsbSize.LargestCode; code++)
        {
            var size = new TsbSize(code);
            Assert.Equal((8192 << code, 512 << code), (size.Bytes, size.Entries));
            Assert.Equal(code == 7 ? ulong.MaxValue : (ulong)(384 << code), size.ResidentLimit);
        }

        Assert.Equal(
            [0, 0, 1, 1, 2, 6, 7, 7],
            new ulong[] { 0, 383, 384, 767, 768, 24_576 - 1, 24_576, ulong.MaxValue }.Select(pages => TsbSize.For(pages).Code));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TranslationStorageBuffer<CheckedModel>(TsbKind.Base, new TsbSize(8)));
    }

    [Fact]
    public void Register_IsTheAddressWithTheCode()
    {
        var buffer = new TranslationStorageBuffer<CheckedModel>(TsbKind.Base, new TsbSize(3));
        Assert.Equal(0x1234_0003UL, buffer.Register(0x1234_0000));
        Assert.Throws<ArgumentException>(() => buffer.Register(0x1234_2000));
    }

    [Fact]
    public void Descriptor_IsWhatTheHypervisorReads()
    {
        byte[] bytes = new byte[TsbDescriptor.Bytes];
        new TsbDescriptor(TsbKind.Base, new TsbSize(0), 0x0102_0304_0506_0000).WriteTo(bytes);
        Assert.Equal("0000000100000200000000000000000101020304050600000000000000000000", Convert.ToHexString(bytes));
        new TsbDescriptor(TsbKind.Huge, new TsbSize(7), 0x20_0000).WriteTo(bytes);
        Assert.Equal("0003000100010000000000000000000800000000002000000000000000000000", Convert.ToHexString(bytes));
        Assert.Throws<ArgumentException>(() => new TsbDescriptor(TsbKind.Base, default, 0).WriteTo(new byte[31]));
    }

    [Theory]
    [InlineData(TsbKind.Base, 13)]
    [InlineData(TsbKind.Huge, 22)]
    public void Buffer_KeepsTheLastTranslationOfEachPlace(TsbKind kind, int shift)
    {
        var buffer = new TranslationStorageBuffer<CheckedModel>(kind, new TsbSize(1));
        ulong page = 1UL << shift;
        ulong one = 0x1_0000_0000;
        ulong rival = one + (page << 10); // 1024 entries
        Assert.Equal(buffer.IndexOf(one), buffer.IndexOf(rival));
        Assert.Equal(buffer.IndexOf(one) + 1, buffer.IndexOf(one + page));
        Assert.False(buffer.TryLookup(one, out _));
        buffer.Insert(one, new Pte(Valid | 1));
        Assert.True(buffer.TryLookup(one + page - 1, out Pte entry) && entry.Raw == (Valid | 1));
        Assert.False(buffer.TryLookup(rival, out _));
        buffer.Insert(rival, new Pte(Valid | 2));
        Assert.False(buffer.TryLookup(one, out _));
        Assert.True(buffer.TryLookup(rival, out entry) && entry.Raw == (Valid | 2));
        buffer.Flush(one); // another's entry: nothing happens
        Assert.True(buffer.TryLookup(rival, out _));
        buffer.Flush(rival);
        Assert.False(buffer.TryLookup(rival, out _));
        buffer.Flush(rival);
        Assert.Throws<ArgumentException>(() => buffer.Insert(one, new Pte(1)));
    }

    [Fact]
    public void Address0_IsNotFoundInAnEmptyBuffer() =>
        Assert.False(new TranslationStorageBuffer<CheckedModel>(TsbKind.Base, default).TryLookup(0, out _));

    [Theory]
    [InlineData(TsbKind.Base, 13)]
    [InlineData(TsbKind.Huge, 22)]
    public void ResizedBuffer_HasEveryTranslation(TsbKind kind, int shift)
    {
        var buffer = new TranslationStorageBuffer<CheckedModel>(kind, default);
        ulong[] pages = [.. Enumerable.Range(0, 400).Select(i => (0x3_0000_0000UL + ((ulong)(i * 5) << shift)))];
        foreach (ulong page in pages)
            buffer.Insert(page, new Pte(Valid | page));
        ulong[] there = [.. pages.Where(page => buffer.TryLookup(page, out _))];
        Assert.NotEmpty(there);
        TranslationStorageBuffer<CheckedModel> larger = buffer.Resized(new TsbSize(4));
        foreach (ulong page in there)
            Assert.True(larger.TryLookup(page, out Pte entry) && entry.Raw == (Valid | page), $"{page:x}");
        Assert.Equal(there.Length, pages.Count(page => larger.TryLookup(page, out _)));
    }

    /// <summary>Writers fight for one entry; whoever reads sees the TTE of the address that he asked for, or nothing.</summary>
    [Fact]
    public async Task Lookup_NeverSeesAnotherAddressesTranslation()
    {
        var buffer = new TranslationStorageBuffer<Mainline>(TsbKind.Base, default);
        ulong[] rivals = [.. Enumerable.Range(0, 4).Select(i => (ulong)i << 22)];
        bool stop = false;
        long found = 0;
        long wrong = 0;
        Task reader = Task.Factory.StartNew(
            () =>
            {
                while (!Volatile.Read(ref stop))
                {
                    foreach (ulong rival in rivals)
                    {
                        if (!buffer.TryLookup(rival, out Pte entry))
                            continue;
                        found++;
                        wrong += entry.Raw == (Valid | rival) ? 0 : 1;
                    }
                }
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        Parallel.For(0, 4, i =>
        {
            for (int round = 0; round < 20_000; round++)
            {
                buffer.Insert(rivals[i], new Pte(Valid | rivals[i]));
                if (round % 3 == 0)
                    buffer.Flush(rivals[i]);
            }
        });
        buffer.Insert(rivals[0], new Pte(Valid | rivals[0]));
        SpinWait.SpinUntil(() => Volatile.Read(ref found) > 0, 20_000);
        Volatile.Write(ref stop, true);
        await reader;
        Assert.Equal(0, wrong);
        Assert.NotEqual(0, found);
    }

    [Fact]
    public void HandlerOfAnotherPageSize_IsRefused()
    {
        using var machine = Machine<Arm64FourLevel, CheckedModel>.Create(new MachineImageOptions { RamBytes = 1 << 22 });
        uint space = machine.CreateAddressSpace();
        var table = new PageTable<Arm64FourLevel, CheckedModel>(machine.Context.Tables, machine.Context.Spaces[space].Root);
        Assert.Throws<ArgumentException>(() => new TlbMissHandler<Arm64FourLevel, CheckedModel>(table));
    }
}

/// <summary>Misses on a machine of an architecture.</summary>
public abstract class TlbMissTests<TArch> : IDisposable
    where TArch : struct, IArchitecture
{
    private const ulong Start = 1UL << 32;
    private const uint Context = 5;
    private readonly Machine<TArch, CheckedModel> machine;
    private readonly uint space;
    private readonly TlbMissHandler<TArch, CheckedModel> handler;
    private FaultCounters faults;

    protected TlbMissTests()
    {
        machine = Machine<TArch, CheckedModel>.Create(new MachineImageOptions
        {
            RamBytes = 8UL << TArch.HugePageShift,
            SwapSlots = 512,
            SwapStoreSlots = 512,
        });
        Assert.Equal(SwapResult.Ok, machine.SwapOn(SwapAreaOptions.Zram(512), out _));
        space = machine.CreateAddressSpace();
        handler = new TlbMissHandler<TArch, CheckedModel>(
            new PageTable<TArch, CheckedModel>(machine.Context.Tables, machine.Context.Spaces[space].Root));
    }

    [Fact]
    public void Kernel_HasItsOwn() => Assert.Equal(TlbMissSource.Kernel, handler.Miss(Start, 0).Source);

    [Fact]
    public void UnmappedAddress_IsAFault() => Assert.Equal(new TlbMissResult(TlbMissSource.Fault, default, 0), handler.Miss(Start, Context));

    [Fact]
    public void Miss_WalksOnce_AndFindsTheBufferThen()
    {
        Map(4);
        Write(0);
        TlbMissResult first = handler.Miss(Start + 77, Context);
        Assert.Equal((TlbMissSource.PageTable, 13), (first.Source, first.PageShift));
        Assert.True(TArch.TryAccess(first.Entry, AccessKind.Write, 1, out Pte after) && after == first.Entry);
        Assert.Equal(first with { Source = TlbMissSource.BaseBuffer }, handler.Miss(Start + 8191, Context));
        Assert.Equal(TlbMissSource.Fault, handler.Miss(Start + 8192, Context).Source);
    }

    /// <summary>The buffer has the old translation until it is flushed, as the hardware's: who changes an entry has to.</summary>
    [Fact]
    public void SwappedOutPage_IsAFault_OnceItsTranslationIsFlushed()
    {
        Map(1);
        Write(0);
        Assert.Equal(TlbMissSource.PageTable, handler.Miss(Start, Context).Source);
        machine.ReclaimAll();
        Assert.Equal(TlbMissSource.BaseBuffer, handler.Miss(Start, Context).Source);
        handler.Flush(Start);
        Assert.Equal(TlbMissSource.Fault, handler.Miss(Start, Context).Source);
        Write(0);
        Assert.Equal(TlbMissSource.PageTable, handler.Miss(Start, Context).Source);
    }

    [Fact]
    public void OldPage_IsAFault_BecauseItsEntryIsNotValid()
    {
        Map(1);
        Write(0);
        Assert.Equal(MmResult.Ok, machine.Advise(space, Start, 8192, Advice.Cold, ref faults));
        Assert.Equal(TlbMissSource.Fault, handler.Miss(Start, Context).Source);
        Assert.Equal(UserAccessResult.Ok, machine.Read(space, Start, new byte[1], ref faults));
        Assert.Equal(TlbMissSource.PageTable, handler.Miss(Start, Context).Source);
    }

    [Fact]
    public void InaccessiblePage_IsAFault()
    {
        Map(1);
        Write(0);
        Assert.Equal(MmResult.Ok, machine.Protect(space, Start, 8192, AccessRights.None, ref faults));
        Assert.Equal(TlbMissSource.Fault, handler.Miss(Start, Context).Source);
    }

    [Fact]
    public void HugePage_IsTwoOfTheHardware()
    {
        ulong huge = 1UL << TArch.HugePageShift;
        Assert.Equal(MmResult.Ok, machine.Map(space, Start, huge, VmaFlags.Read | VmaFlags.Write));
        Assert.Equal(MmResult.Ok, machine.Advise(space, Start, huge, Advice.HugePage, ref faults));
        Write(0);
        TlbMissResult low = handler.Miss(Start + 5, Context);
        Assert.Equal((TlbMissSource.PageTable, 22), (low.Source, low.PageShift));
        Assert.Equal(TlbMissSource.HugeBuffer, handler.Miss(Start + (1 << 22) - 1, Context).Source);
        TlbMissResult high = handler.Miss(Start + (1 << 22), Context);
        Assert.Equal(TlbMissSource.PageTable, high.Source);
        Assert.Equal(1UL << 22, high.Entry.Raw ^ low.Entry.Raw);
        Assert.Equal(0UL, low.Entry.Raw & (1UL << 22));
        handler.Flush(Start + (1 << 22));
        Assert.Equal(TlbMissSource.HugeBuffer, handler.Miss(Start, Context).Source);
        Assert.Equal(TlbMissSource.PageTable, handler.Miss(Start + huge - 1, Context).Source);
    }

    /// <summary>Whatever the buffers hold, an answer is what the page tables say.</summary>
    [Fact]
    public void Answers_AreTheTranslationsOfThePageTables_WhateverIsInTheWay()
    {
        const uint Pages = 900;
        Map(Pages);
        var random = new Random(3);
        for (int step = 0; step < 4000; step++)
        {
            uint page = (uint)random.Next((int)Pages);
            ulong address = Start + ((ulong)page << 13) + (uint)random.Next(8192);
            TlbMissResult result = handler.Miss(address, Context);
            if (result.Source == TlbMissSource.Fault)
            {
                Write(page);
                result = handler.Miss(address, Context);
            }

            uint table = machine.Context.Tables.LeafTable(machine.Context.Spaces[space].Root, address);
            Pte expected = PageTables<TArch, CheckedModel>.Load(ref machine.Context.Tables.Entry(table, address));
            Assert.Equal(expected, result.Entry);
            if (step == 2000)
                Assert.True(handler.Fit(Pages, 0));
        }

        Assert.Equal(2, handler.Base.Size.Code);
        Assert.Equal(0, handler.Huge.Size.Code);
        Assert.False(handler.Fit(Pages, 0));
    }

    public void Dispose()
    {
        machine.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Map(uint pages) => Assert.Equal(MmResult.Ok, machine.Map(space, Start, (ulong)pages << 13, VmaFlags.Read | VmaFlags.Write));

    private void Write(uint page) =>
        Assert.Equal(UserAccessResult.Ok, machine.Write(space, Start + ((ulong)page << 13), [1], ref faults));
}

/// <inheritdoc/>
public sealed class Sun4uTlbMissTests : TlbMissTests<Sun4u>;

/// <inheritdoc/>
public sealed class Sun4vM7TlbMissTests : TlbMissTests<Sun4vM7>;
