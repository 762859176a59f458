using System.Numerics;
using PageTableEmu.Atomics;
using PageTableEmu.Image;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm.Huge;

/// <summary>
/// The orders of large folios that anonymous memory may get, a setting of the machine (mm/huge_memory.c thp_vma_allowable_orders): at first huge
/// pages where they are wanted, and none of any other order.
/// </summary>
/// <remarks>A change concerns faults that come later; folios that exist stay what they are. MADV_COLLAPSE does not ask here.</remarks>
/// <example>
/// <code>
/// // 64 KiB folios in all private memory, beside huge pages where they are wanted
/// machine.FolioOrders.Set(4, FolioOrderPolicy.Always);
/// machine.FolioOrders.MaxPtesNone = 0; // the deferred-split shrinker splits every huge page with a page that was never written
/// </code>
/// </example>
public sealed class FolioOrders<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    private const int BitsPerOrder = 4;
    private const ulong Mask = (1 << BitsPerOrder) - 1;

    private readonly MachineImage image;

    internal FolioOrders(MachineImage image)
    {
        this.image = image;
    }

    /// <summary>log2 of the pages of the smallest large folio.</summary>
    public static int Smallest => LargeFolios<TModel>.SmallestOrder;

    /// <summary>log2 of the pages of a huge page, the largest folio.</summary>
    public static int Huge => TArch.LevelBits(1);

    /// <summary>
    /// What orders with the policy <see cref="FolioOrderPolicy.Inherit"/> do (/sys/kernel/mm/transparent_hugepage/enabled); at first Madvise.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Inherit, which leads nowhere here, or no policy.</exception>
    public FolioOrderPolicy Global
    {
        get => Atomic<TModel>.Load(ref State.FolioOrdersGlobal) switch
        {
            0 => FolioOrderPolicy.Madvise,
            1 => FolioOrderPolicy.Always,
            _ => FolioOrderPolicy.Never,
        };
        set => Atomic<TModel>.Store(ref State.FolioOrdersGlobal, value switch
        {
            FolioOrderPolicy.Madvise => 0u,
            FolioOrderPolicy.Always => 1u,
            FolioOrderPolicy.Never => 2u,
            _ => throw new ArgumentOutOfRangeException(nameof(value), value, "Never, Madvise and Always are possible for all orders."),
        });
    }

    /// <summary>
    /// Pages of a huge page that may be all zero without it being split when memory is wanted (khugepaged/max_ptes_none); at first all but one, so
    /// that none is split for that.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A huge page has fewer pages.</exception>
    public uint MaxPtesNone
    {
        get => Atomic<TModel>.Load(ref State.MaxPtesNone) is not 0 and uint value ? value - 1 : (1u << Huge) - 1;
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(value, 1u << Huge);
            Atomic<TModel>.Store(ref State.MaxPtesNone, value + 1);
        }
    }

    private ref MmState State => ref image.Record<MmState>(MetadataRegion.MmState, 0);

    /// <summary>The policy of an order.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no large folios of this order.</exception>
    public FolioOrderPolicy this[int order]
    {
        get
        {
            ThrowUnlessOrder(order);
            return PolicyOf(Atomic<TModel>.Load(ref State.FolioOrders), order);
        }
    }

    /// <summary>Sets the policy of an order.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no large folios of this order, or no such policy.</exception>
    public void Set(int order, FolioOrderPolicy policy)
    {
        ThrowUnlessOrder(order);
        if (policy is < FolioOrderPolicy.Never or > FolioOrderPolicy.Always)
            throw new ArgumentOutOfRangeException(nameof(policy), policy, $"Policies are {FolioOrderPolicy.Never} to {FolioOrderPolicy.Always}.");
        ref ulong word = ref State.FolioOrders;
        int shift = order * BitsPerOrder;
        ulong seen = Atomic<TModel>.Load(ref word);
        while (true)
        {
            ulong was = Atomic<TModel>.CompareExchange(ref word, (seen & ~(Mask << shift)) | (((ulong)policy + 1) << shift), seen);
            if (was == seen)
                return;
            seen = was;
        }
    }

    /// <summary>Whether private memory of a VMA may get huge pages.</summary>
    internal bool AllowsHuge(VmaFlags flags) =>
        MayHaveAny(flags) && Allows(PolicyOf(Atomic<TModel>.Load(ref State.FolioOrders), Huge), flags);

    /// <summary>The orders below that of a huge page that private memory of a VMA may get, one bit for each.</summary>
    internal uint AllowedBelowHuge(VmaFlags flags)
    {
        ulong word = Atomic<TModel>.Load(ref State.FolioOrders);
        if (word == 0 || !MayHaveAny(flags))
            return 0;
        uint orders = 0;
        for (int order = Smallest; order < Huge; order++)
        {
            if (Allows(PolicyOf(word, order), flags))
                orders |= 1u << order;
        }

        return orders;
    }

    /// <summary>The largest order of a set; the set must not be empty.</summary>
    internal static int LargestOf(uint orders) => BitOperations.Log2(orders);

    private static bool MayHaveAny(VmaFlags flags) => (flags & (VmaFlags.NoHugePage | VmaFlags.Shared)) == 0;

    private static FolioOrderPolicy PolicyOf(ulong word, int order)
    {
        ulong code = (word >> (order * BitsPerOrder)) & Mask;
        if (code != 0)
            return (FolioOrderPolicy)(code - 1);
        return order == Huge ? FolioOrderPolicy.Inherit : FolioOrderPolicy.Never;
    }

    private bool Allows(FolioOrderPolicy policy, VmaFlags flags)
    {
        if (policy == FolioOrderPolicy.Inherit)
            policy = Global;
        return policy == FolioOrderPolicy.Always || (policy == FolioOrderPolicy.Madvise && (flags & VmaFlags.HugePage) != 0);
    }

    private static void ThrowUnlessOrder(int order)
    {
        if (order < Smallest || order > Huge)
            throw new ArgumentOutOfRangeException(nameof(order), order, $"Large folios have orders from {Smallest} to {Huge}.");
    }
}
