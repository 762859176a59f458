using PageTableEmu.Atomics;

namespace PageTableEmu.Core.Tests.Tags;

/// <summary>Linux 5.15: a failed save leaks the swap reference, and nothing saved is ever taken back.</summary>
public readonly struct AdiLegacy : IModel
{
    static bool IModel.Checked => true;

    static bool IModel.PutsSlotReferenceWhenSaveFails => false;

    static bool IModel.UndoesSavedMetadata => false;
}

/// <summary>Linux 5.18 and later: the swap reference is put.</summary>
public readonly struct AdiSwapFreeFix : IModel
{
    static bool IModel.Checked => true;

    static bool IModel.UndoesSavedMetadata => false;
}

/// <summary>The repair that was proposed in the place of an undo: exclusiveness goes first.</summary>
public readonly struct ShareFirst : IModel
{
    static bool IModel.Checked => true;

    static bool IModel.SharesBeforeSave => true;
}
